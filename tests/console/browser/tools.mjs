// What every script here begins with: what it was asked, a browser, and lines to report on.
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const from = createRequire(process.env.ENTRACTE_BROWSER_TOOLS + '/');
const { chromium } = from('playwright-core');
export const axe = from('axe-core').source;
export const tool = (name) => from(name);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** What the test gave on standard input, as its first line. */
export const asked = JSON.parse((await lines.next()).value);
// A script ends when it has nothing left to do, whether or not the test still listens.
process.stdin.unref();

/** One line of the report; `wrong` fails the test. */
export const tell = (line) => process.stdout.write(JSON.stringify(line) + '\n');
export const wrong = (where, what) => tell({ wrong: `${where}: ${what}` });

/** Has the test do what nobody does in a browser, and waits until it is done. */
export async function please(what, more = {}) {
  process.stdin.ref();
  tell({ please: what, ...more });
  const { value } = await lines.next();
  process.stdin.unref();
  return JSON.parse(value);
}

const program = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome']
  .map((name) => `/usr/bin/${name}`).find(existsSync);

const switches = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Runs `work` with a folder that is gone afterwards, and what a browser that writes only there is started with. */
export async function withFolder(work) {
  if (!program) throw new Error('no browser: apt-get install chromium-headless-shell');
  const folder = mkdtempSync(join(tmpdir(), 'entracte-browser-'));
  const env = { ...process.env, HOME: folder, TMPDIR: folder };
  try {
    return await work(folder, { executablePath: program, args: switches, env });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs `work` with a browser that is gone afterwards, as is all that it wrote. */
export function withBrowser(work) {
  return withFolder(async (_, options) => {
    const browser = await chromium.launch(options);
    try {
      return await work(browser);
    } finally {
      await browser.close();
    }
  });
}

/** A browser of one person, who finds it at the next start as it was left. */
export const ownBrowser = (folder, options) =>
  chromium.launchPersistentContext(join(folder, 'profile'), { ...options, ...manner({}) });

const manner = ({ width = 1280, height = 900, scheme = 'light', locale = 'en-GB', script = true }) => ({
  viewport: { width, height }, colorScheme: scheme, locale, javaScriptEnabled: script, reducedMotion: 'reduce',
});

/** A window of its own, signed in by the cookie that the test got. */
export async function window(browser, { cookie = asked.cookie, origin = asked.origin, ...look } = {}) {
  const context = await browser.newContext(manner(look));
  if (cookie) {
    const [name, value] = cookie.split(/=(.*)/s);
    await context.addCookies([{ name, value, url: origin, httpOnly: true, sameSite: 'Strict' }]);
  }
  return context;
}
