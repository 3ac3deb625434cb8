// What every script here begins with: what it was asked, a browser, and lines to report on.
import { createRequire } from 'node:module';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const from = createRequire(process.env.ENTRACTE_BROWSER_TOOLS + '/');
const { chromium } = from('playwright-core');
export const axe = from('axe-core').source;
export const tool = (name) => from(name);

/** What the test gave on standard input. */
export const asked = JSON.parse(readFileSync(0, 'utf8'));

/** One line of the report; `wrong` fails the test. */
export const tell = (line) => process.stdout.write(JSON.stringify(line) + '\n');
export const wrong = (where, what) => tell({ wrong: `${where}: ${what}` });

const PROGRAMS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

/** Runs `work` with a browser that is gone afterwards, as is all that it wrote. */
export async function withBrowser(work) {
  const executablePath = PROGRAMS.map((name) => `/usr/bin/${name}`).find(existsSync);
  if (!executablePath) throw new Error('no browser: apt-get install chromium-headless-shell');
  const folder = mkdtempSync(join(tmpdir(), 'entracte-browser-'));
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  const browser = await chromium.launch({ executablePath, args, env: { ...process.env, HOME: folder, TMPDIR: folder } });
  try {
    return await work(browser);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A window of its own, signed in by the cookie that the test got. */
export async function window(browser, { width = 1280, height = 900, scheme = 'light', locale = 'en-GB', script = true, cookie = asked.cookie, origin = asked.origin } = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, locale, javaScriptEnabled: script, reducedMotion: 'reduce',
  });
  if (cookie) {
    const [name, value] = cookie.split(/=(.*)/s);
    await context.addCookies([{ name, value, url: origin, httpOnly: true, sameSite: 'Strict' }]);
  }
  return context;
}
