// One person at a browser, who knows of a page what it shows: roles, labels, visible words.
// Addresses are opened only where a person has one: the link that lets in, the one of the site.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { asked, tell, wrong } from './tools.mjs';

/** Longer than anything here takes on a machine that has much to do. */
const PATIENCE = 60_000;
/** A browser that goes elsewhere lets go of what the page was listening to. */
const OF_LEAVING = /\/events\?.*ERR_ABORTED/;

mkdirSync(asked.pictures, { recursive: true });

export class Operator {
  #borne = [OF_LEAVING];
  #complaints = [];

  constructor(name, context) {
    this.name = name;
    this.context = context;
    context.setDefaultTimeout(PATIENCE);
  }

  /** Somebody with one page before them. */
  static async at(context, name) {
    const person = new Operator(name, context);
    person.looksAt(context.pages()[0] ?? await context.newPage());
    return person;
  }

  looksAt(page) {
    const note = (what) => this.#complaints.push(what);
    page.on('console', (said) => said.type() === 'error' && note(`the console of the page: ${said.text()} (${said.location().url})`));
    page.on('pageerror', (error) => note(`the page: ${error}`));
    page.on('requestfailed', (one) => note(`${one.method()} ${one.url()}: ${one.failure()?.errorText}`));
    page.on('response', (answer) => answer.status() >= 400
      && note(`${answer.request().method()} ${answer.url()}: status of ${answer.status()}`));
    this.page = page;
  }

  /** What is as it should be here, though a browser complains of it. */
  bears(...patterns) {
    this.#borne.push(...patterns);
  }

  /** Whatever the browser complained of else. */
  judges() {
    const grave = this.#complaints.filter((one) => !this.#borne.some((pattern) => pattern.test(one)));
    for (const one of grave) wrong(this.name, one);
  }

  opens(address) {
    return this.page.goto(address, { waitUntil: 'load' });
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  press(name) {
    return this.button(name).click();
  }

  follow(name, within = this.page) {
    return within.getByRole('link', { name, exact: true }).first().click();
  }

  /** One of the parts of the site that stand at the top of each page. */
  goesTo(part) {
    return this.follow(part, this.page.getByRole('navigation').first());
  }

  unfolds(summary) {
    return this.page.locator('summary', { hasText: summary }).click();
  }

  types(label, text) {
    return this.page.getByLabel(label).fill(text);
  }

  /** Waits for the page with that title on it. */
  async arrives(title) {
    await this.page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
    await this.page.waitForLoadState('load');
  }

  async sees(...texts) {
    for (const text of texts) await this.page.getByText(text).first().waitFor();
  }

  async seesNone(...texts) {
    for (const text of texts) {
      const count = await this.page.getByText(text).filter({ visible: true }).count();
      if (count > 0) wrong(this.name, `"${text}" is on the page "${await this.page.title()}"`);
    }
  }

  /** The rows of the table of that name, as texts of their cells. */
  rows(table) {
    return this.page.getByRole('table', { name: table }).getByRole('row').evaluateAll((rows) =>
      rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim())));
  }

  /** The marks of the ten steps, by the names of the steps. */
  marks() {
    return this.page.locator('ol.steps > li').evaluateAll((steps) => Object.fromEntries(steps.map((step) =>
      [step.querySelector('b').innerText, step.querySelector('.mark').innerText])));
  }

  async picture(name) {
    await this.page.screenshot({ path: join(asked.pictures, `${name}.png`), fullPage: true });
  }

  /** What a failed test shows to whoever looks for the reason. */
  async tellsWhereItStands() {
    for (const [at, page] of this.context.pages().entries()) {
      const text = await page.locator('body').innerText({ timeout: 2000 }).catch(String);
      tell({ note: `${this.name} stands at ${page.url()}:\n${text}` });
      const path = join(asked.pictures, `failed-${this.name}-${at}.png`);
      await page.screenshot({ path, timeout: 5000 }).catch(() => null);
    }
    for (const complaint of this.#complaints) tell({ note: `${this.name}: ${complaint}` });
  }
}

/** Tells a story, and of everybody in it where they stood when it went wrong. */
export async function story(people, work) {
  try {
    await work();
  } catch (error) {
    for (const person of people) await person.tellsWhereItStands();
    throw error;
  }
  people.forEach((person) => person.judges());
}

/** Comes in by a link that lets one person in. */
export async function enters(person, link = asked.link, words = ['Come in', 'Enter']) {
  await person.opens(link);
  await person.arrives(words[0]);
  await person.press(words[1]);
}

/** Whether `is` becomes so while the page stands as it is. */
export async function becomes(what, is) {
  const since = Date.now();
  while (!await is()) {
    if (Date.now() - since > PATIENCE) throw new Error(`it never came to this: ${what}`);
    await new Promise((done) => { setTimeout(done, 50); });
  }
}

/** Looks at work that stands still in the swap: marks, log, and a clock that goes on while nothing is loaded anew. */
export async function seesLiveSwap(person) {
  const { page } = person;
  await person.sees('Closed to visitors for');
  await page.evaluate(() => { globalThis.isSamePage = true; });
  await becomes('the mark of Swap says that it is done now', async () => (await person.marks()).Swap === '…');
  const marks = await person.marks();
  const expected = { Stage: '✔', Review: '✔', Close: '✔', Save: '✔', Swap: '…', Scan: '·', Migrate: '·', 'Run once': '·', Verify: '·', Reopen: '·' };
  if (JSON.stringify(marks) !== JSON.stringify(expected)) wrong(person.name, `the marks are ${JSON.stringify(marks)}`);
  const log = page.getByRole('log', { name: 'Log' });
  await becomes('the log says what was done', async () => /✔ save.*→ swap/s.test(await log.innerText()));
  const clock = () => page.locator('.clock b').innerText();
  const first = await clock();
  if (!/^\d+:\d\d$/.test(first)) wrong(person.name, `the clock shows "${first}"`);
  await becomes('the clock goes on', async () => await clock() !== first);
  if (!await page.evaluate(() => globalThis.isSamePage)) wrong(person.name, 'the page was loaded anew');
}
