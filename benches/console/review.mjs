// How long a browser waits for the review of a large plan, and what it loads for it.
//
//   ENTRACTE_BROWSER_TOOLS=$(bash tests/support/browser_tools.sh) \
//     node benches/console/review.mjs target/release/entracte [CHANGES] [PATH…]
//
// A site with two releases that differ in CHANGES files (10000) is made in a temporary folder and
// planned; a line for each PATH (below /sites/SITE) says the first contentful paint, the time until
// all was loaded, and the bytes on the wire: the first time, and once style and script are at hand.
import { createRequire } from 'node:module';
import { spawn, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const { chromium } = createRequire(process.env.ENTRACTE_BROWSER_TOOLS + '/')('playwright-core');
const [program, count = '10000', ...paths] = process.argv.slice(2);
if (paths.length === 0) paths.push('/update/review', '/update/review?q=0042', '');
const TURNS = 7;
const entracte = resolve(program);
const folder = mkdtempSync(join(tmpdir(), 'entracte-review-'));
const site = join(folder, 'parent', 'site');
const env = { PATH: process.env.PATH, HOME: folder, LANG: 'C.UTF-8' };
const run = (...args) => JSON.parse(execFileSync(entracte, ['--json', ...args], { env, cwd: folder, maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] }));

function release(to, version) {
  for (let at = 0; at < Number(count); at += 1) {
    const below = join(to, `module-${String(at % 100).padStart(2, '0')}`);
    if (at < 100) mkdirSync(below, { recursive: true });
    const lines = Array.from({ length: 20 }, (_, line) => `${line === 7 ? version : 'the same'} ${at} ${line}`);
    writeFileSync(join(below, `file-${String(at).padStart(5, '0')}.php`), lines.join('\n') + '\n');
  }
  writeFileSync(join(to, 'VERSION'), `${version}\n`);
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

async function visit(context, url) {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  let bytes = 0;
  await session.send('Network.enable');
  session.on('Network.loadingFinished', (done) => { bytes += done.encodedDataLength; });
  const answered = await page.goto(url, { waitUntil: 'load' });
  const paint = await page.evaluate(() => new Promise((done) => {
    const told = () => performance.getEntriesByName('first-contentful-paint')[0];
    if (told()) return done(told().startTime);
    new PerformanceObserver(() => told() && done(told().startTime)).observe({ type: 'paint', buffered: true });
  }));
  const timing = await page.evaluate(() => {
    const [entry] = performance.getEntriesByType('navigation');
    return { first: entry.responseStart, loaded: entry.loadEventStart };
  });
  await page.close();
  return { status: answered.status(), paint, ...timing, bytes };
}

let server;
let browser;
try {
  release(join(folder, 'release-1'), '1');
  release(join(folder, 'release-2'), '2');
  mkdirSync(join(folder, 'parent'));
  cpSync(join(folder, 'release-1'), site, { recursive: true });
  run('init', site, '--profile', 'generic', '--release', join(folder, 'release-1'));
  run('--site', site, 'stage', '--from', join(folder, 'release-2'), '--complete', '--version', '2');
  const plan = run('--site', site, 'plan').result;
  server = spawn(entracte, ['console', site], { env, cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const [link] = await new Promise((done) => createInterface(server.stdout).once('line', (line) => done([line])));
  const executablePath = ['chromium-headless-shell', 'chromium'].map((name) => `/usr/bin/${name}`).find(existsSync);
  browser = await chromium.launch({ executablePath, env: { ...process.env, HOME: folder }, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  console.log(`${plan.changes.length} changes, ${browser.version()}; medians of ${TURNS}`);
  const door = await browser.newContext();
  const entrance = await door.newPage();
  await entrance.goto(link);
  await entrance.click('main button');
  await entrance.waitForURL((url) => !url.pathname.startsWith('/enter'));
  const cookies = await door.cookies();
  await door.close();
  for (const path of paths) {
    // A new one has neither style nor script at hand.
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    await context.addCookies(cookies);
    const url = new URL(`/sites/site${path}`, link).href;
    const cold = await visit(context, url);
    const warm = [];
    for (let turn = 0; turn < TURNS; turn += 1) warm.push(await visit(context, url));
    const of = (name) => Math.round(median(warm.map((one) => one[name])));
    console.log(`${path || '/'} ${cold.status}: first paint ${of('paint')} ms (answer begins ${of('first')} ms, loaded ${of('loaded')} ms), ${of('bytes')} bytes; with style and script ${cold.bytes} bytes`);
    await context.close();
  }
} finally {
  await browser?.close();
  server?.kill();
  rmSync(folder, { recursive: true, force: true });
}
