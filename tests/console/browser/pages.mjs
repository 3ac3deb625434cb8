// Looks at pages of the console in every language, colour scheme and width: what axe-core finds,
// what leaves the screen, what the keyboard cannot reach, and a picture of each.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { asked, axe, tell, window, withBrowser, wrong } from './tools.mjs';

// Between the two that axe-core looks at every day lie both languages, schemes and widths.
const LOOKS = {
  desktop: { width: 1280, scheme: 'light', language: 'en', axe: true },
  'phone-dark': { width: 360, scheme: 'dark', language: 'fr', axe: true },
  dark: { width: 1280, scheme: 'dark', language: 'en' },
  phone: { width: 360, scheme: 'light', language: 'fr' },
};
const isFull = Boolean(process.env.ENTRACTE_TEST_FULL);
const GRAVE = ['serious', 'critical'];

async function look(page, name, { state, path, alone }) {
  const wish = LOOKS[name];
  const where = `${state} ${path} (${name}, ${wish.language})`;
  const complaints = [];
  page.on('console', (said) => said.type() === 'error' && complaints.push(said.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  // A page that follows something is never silent: its load is enough.
  const answered = await page.goto(asked.origin + path, { waitUntil: 'load' });
  const expected = asked.status?.[path] ?? 200;
  if (answered.status() !== expected) return wrong(where, `status ${answered.status()}`);
  const language = await page.getAttribute('html', 'lang');
  if (!alone && language !== wish.language) wrong(where, `is in ${language}`);
  const { width, wide } = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    wide: [...document.querySelectorAll('body *')]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.scroll, pre, .skip'))
      .map((one) => one.tagName + '.' + one.className).slice(0, 4),
  }));
  if (width > wish.width) wrong(where, `is ${width} wide: ${wide.join(', ')}`);
  if (await page.locator('h1').count() !== 1) wrong(where, 'has not one h1');
  if (wish.axe || isFull) await examine(page, where);
  // An expected status is no complaint, nor is a preview that is kept from acting.
  const grave = complaints.filter((one) => !one.includes(`status of ${expected}`) && !one.includes('is sandboxed'));
  for (const complaint of grave) wrong(where, `the page complains: ${complaint}`);
  const shot = join(asked.pictures, `${state}${path.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 80)}-${name}.png`);
  await page.screenshot({ path: shot, fullPage: true });
}

async function examine(page, where) {
  await page.evaluate(axe + ';0');
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  for (const { id, impact, help, nodes } of found.violations) {
    const line = `axe ${impact} ${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`;
    GRAVE.includes(impact) ? wrong(where, line) : tell({ note: `${where}: ${line}` });
  }
}

/** Tab goes through everything that can be used, once, and each stop can be seen. */
async function keyboard(page, { path, alone }, where) {
  await page.goto(asked.origin + path, { waitUntil: 'load' });
  const wanted = await page.evaluate(() => {
    const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')];
    const usable = all.filter((one) => !one.disabled && one.checkVisibility({ visibilityProperty: true }) && one.tabIndex >= 0);
    // Of radio buttons of one name the keyboard stops at one.
    const seen = new Set();
    const stops = usable.filter((one) => {
      if (one.type !== 'radio') return true;
      const group = `${one.form?.action} ${one.name}`;
      return !seen.has(group) && seen.add(group);
    });
    stops.forEach((one, at) => { one.dataset.stop = at; });
    return stops.map((one) => one.outerHTML.slice(0, 120));
  });
  const reached = new Set();
  for (let turn = 0; turn < wanted.length + 40 && reached.size < wanted.length; turn += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const here = document.activeElement;
      const group = here.type === 'radio' && here.name
        && document.querySelector(`[data-stop][type=radio][name="${CSS.escape(here.name)}"]`);
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(here);
      const { right, bottom } = here.getBoundingClientRect();
      return {
        at: (group || here).dataset.stop, html: here.outerHTML.slice(0, 120),
        seen: (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || boxShadow !== 'none',
        on: right > 0 && bottom > 0, body: here === document.body,
      };
    });
    if (stop.body || stop.at === undefined) continue;
    if (reached.has(stop.at)) break;
    reached.add(stop.at);
    if (!stop.seen) wrong(where, `the focus is not seen at ${stop.html}`);
    if (!stop.on) wrong(where, `the focus is off the screen at ${stop.html}`);
  }
  wanted.forEach((html, at) => reached.has(String(at)) || wrong(where, `Tab does not reach ${html}`));
  if (alone) return;
  await page.goto(asked.origin + path, { waitUntil: 'load' });
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const landed = await page.evaluate(() => document.activeElement.id);
  if (landed !== 'main') wrong(where, `the skip link leads to "${landed}"`);
}

mkdirSync(asked.pictures, { recursive: true });
await withBrowser(async (browser) => {
  const contexts = {};
  for (const [name, one] of Object.entries(LOOKS)) {
    contexts[name] = await window(browser, { ...one, locale: one.language === 'fr' ? 'fr-FR' : 'en-GB' });
  }
  for (const visit of asked.visits) {
    const { state, path } = visit;
    for (const name of visit.looks) {
      const page = await contexts[name].newPage();
      await look(page, name, visit);
      await page.close();
    }
    if (visit.keyboard) {
      const page = await contexts.desktop.newPage();
      await keyboard(page, visit, `${state} ${path} (keyboard)`);
      await page.close();
    }
  }
  tell({ looked: asked.visits.length });
});
