// The whole wizard: from the link that lets in to the history of what was done.
import { asked, please, window, withBrowser, wrong } from './tools.mjs';
import { Operator, becomes, enters, seesLiveSwap, story } from './operator.mjs';

await withBrowser(async (browser) => {
  const ada = await Operator.at(await window(browser), 'Ada');
  await story([ada], async () => {
    await enters(ada);
    await ada.arrives('Home');
    await ada.sees('Nothing: all is well as far as is known.', 'come in');
    await ada.goesTo('Update');
    await chooses();
    const plan = await reviews();
    await approves(plan);
    await carriesOut();
    await looksBack(plan);
  });

  async function chooses() {
    await ada.arrives('Update: where from?');
    const row = ada.page.getByRole('row', { name: asked.archive });
    await row.getByLabel('Version, where the release does not say it').fill('2');
    await ada.picture('1-source');
    await row.getByRole('button', { name: `Use ${asked.archive}`, exact: true }).click();
    await ada.arrives('Bringing the release here');
    await ada.sees('Done.');
    await ada.picture('2-brought');
    await ada.follow('On with the update');
    await ada.arrives('Update: the plan');
  }

  async function reviews() {
    const found = async (count, paths) => {
      await ada.sees(count);
      const rows = (await ada.rows('Files')).slice(1).map((cells) => cells[1]).sort();
      if (JSON.stringify(rows) !== JSON.stringify(paths)) wrong('files', `${rows} in place of ${paths}`);
    };
    await ada.picture('3-plan');
    await ada.sees('Nobody signed it', 'ALTER TABLE pages');
    await ada.unfolds('found nothing');
    await ada.sees(/^quota: room for/);
    await ada.page.getByRole('link', { name: /^Removed \d/ }).click();
    await found('5 paths', asked.removed);
    await ada.page.getByRole('link', { name: /^All \d/ }).click();
    await ada.types('In the path', 'changed');
    await ada.press('Search');
    await found('1 path', ['app/changed.txt']);
    await ada.follow('app/changed.txt');
    await ada.arrives('app/changed.txt');
    await ada.sees('-as in 1', '+as in 2, and longer');
    await ada.picture('4-one-below-the-other');
    await ada.follow('Side by side');
    const sides = ada.page.getByRole('table', { name: 'app/changed.txt' });
    await sides.getByRole('cell', { name: 'as in 1' }).waitFor();
    await sides.getByRole('cell', { name: 'as in 2, and longer' }).waitFor();
    await ada.picture('5-side-by-side');
    await ada.follow('To the plan');
    await ada.arrives('Update: the plan');
    await ada.follow('All of it: 3 statements');
    await ada.arrives('Database');
    await ada.sees('ALTER TABLE pages', 'CREATE TABLE tags');
    await ada.follow('To the plan');
    await ada.follow('run_once/001-mark.sh', ada.page.getByRole('region', { name: 'Programs that will run' }));
    await ada.arrives('A script of the release');
    await ada.sees('set -eu');
    await ada.picture('6-script');
    await ada.follow('To the plan');
    return (await ada.page.locator('dt:has-text("Plan") + dd code').innerText()).trim();
  }

  async function approves(plan) {
    const shown = ada.page.locator('p', { has: ada.page.getByLabel('Type how the plan’s id begins') }).locator('code');
    const begins = await shown.innerText();
    if (!plan.startsWith(begins)) wrong('approve', `${begins} is not how ${plan} begins`);
    await ada.types('Type how the plan’s id begins', begins);
    await ada.press('Approve');
    await ada.arrives('Carry out the update');
    await ada.sees('The plan is approved.', 'Approved by the one who started the console (console).');
    await ada.picture('7-approved');
  }

  async function carriesOut() {
    await ada.press('Carry it out');
    await ada.arrives('Carrying out the update');
    await please('halted');
    await seesLiveSwap(ada);
    await ada.sees('the one who started the console asked for this');
    await ada.picture('8-live');
    await please('goes on');
    await ada.sees('Done.');
    await becomes('every step is done', async () => Object.values(await ada.marks()).join('') === '✔'.repeat(10));
    await ada.sees('Was closed to visitors for', 'The update is finished; the way back is still open.');
    await ada.picture('9-done');
  }

  async function looksBack(plan) {
    await ada.follow('See this run in full');
    await ada.page.getByRole('heading', { level: 1, name: /^Run 2/ }).waitFor();
    await ada.sees(plan);
    const run = (await ada.page.getByRole('heading', { level: 1 }).innerText()).replace('Run ', '');
    ada.bears(/files\/journal\.jsonl: net::ERR_ABORTED/);
    const coming = ada.page.waitForEvent('download');
    await ada.follow('journal.jsonl');
    const download = await coming;
    await please('compare', { run, plan, kept: await download.path(), name: download.suggestedFilename() });
    await ada.picture('10-run');
    await ada.goesTo('History');
    await ada.arrives('History');
    await ada.page.getByRole('img', { name: /^Time of each run/ }).waitFor();
    const [, row] = await ada.rows('Every run, the newest first');
    if (row?.[0] !== run || !row[2].endsWith('→ 2') || row[3] !== 'finished' || !row[4].startsWith('the one who started the console')) {
      wrong('history', `it says ${row}`);
    }
    await ada.picture('11-history');
    await ada.goesTo('Home');
    await ada.sees('Nothing: all is well as far as is known.', '2, since');
    await ada.picture('12-home');
  }
});
