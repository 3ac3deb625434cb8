// A real WordPress, from the link to the new version as its visitors see it.
import { asked, please, window, withBrowser, wrong } from './tools.mjs';
import { Operator, becomes, enters, story } from './operator.mjs';

await withBrowser(async (browser) => {
  const ada = await Operator.at(await window(browser), 'Ada');
  const visitor = await Operator.at(await window(browser), 'a visitor');
  await story([ada, visitor], async () => {
    await visits(asked.old);
    await enters(ada);
    await ada.goesTo('Update');
    await ada.arrives('Update: where from?');
    await ada.press(`Use ${asked.archive}`);
    await ada.arrives('Bringing the release here');
    await ada.sees('Done.');
    await ada.follow('On with the update');
    await looksThroughThePlan();
    await carriesOut();
    await visits(asked.new);
    await visitor.picture('7-site-new');
    await ada.goesTo('Home');
    await ada.sees('Nothing: all is well as far as is known.', `${asked.new}, since`);
  });

  /** The site shows its pages and is of that version. */
  async function visits(version) {
    await visitor.opens(asked.site);
    await visitor.sees('Post 25 é');
    const says = await visitor.page.locator('meta[name=generator]').getAttribute('content');
    if (says !== `WordPress ${version}`) wrong('visitor', `the site is ${says}, not ${version}`);
  }

  async function looksThroughThePlan() {
    await ada.arrives('Update: the plan');
    await ada.picture('1-plan');
    await ada.types('In the path', 'wp-includes/version.php');
    await ada.press('Search');
    await ada.sees('1 path');
    await ada.follow('wp-includes/version.php');
    await ada.sees(`-$wp_version = '${asked.old}';`, `+$wp_version = '${asked.new}';`);
    await ada.follow('Side by side');
    await ada.page.getByRole('cell', { name: `$wp_version = '${asked.new}';` }).waitFor();
    await ada.picture('2-side-by-side');
    await ada.follow('To the plan');
    await ada.types('Type how the plan’s id begins', (await ada.page.locator('#approve ~ form code').innerText()));
    await ada.press('Approve');
    await ada.arrives('Carry out the update');
  }

  async function carriesOut() {
    await ada.press('Carry it out');
    await ada.arrives('Carrying out the update');
    const bars = [];
    await becomes('a bar goes on', async () => {
      const bar = ada.page.getByRole('progressbar');
      const value = await bar.getAttribute('value', { timeout: 500 }).catch(() => null);
      if (value !== null && bars.at(-1) !== Number(value)) bars.push(Number(value));
      return bars.length > 2;
    });
    await ada.picture('3-preparing');
    await please('halted');
    await becomes('Swap is done now', async () => (await ada.marks()).Swap === '…');
    await ada.picture('4-live');
    visitor.bears(/status of 503/);
    await visitor.opens(asked.site);
    await visitor.sees('back');
    await visitor.picture('5-closed');
    await please('goes on');
    await ada.sees('Done.');
    await ada.sees('Was closed to visitors for');
    await ada.picture('6-done');
  }
});
