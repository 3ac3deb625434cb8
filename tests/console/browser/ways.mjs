// Whoever worked is killed: what the page says of it, and each of the ways from there.
import { asked, please, window, withBrowser } from './tools.mjs';
import { Operator, enters, story } from './operator.mjs';

await withBrowser(async (browser) => {
  const ada = await Operator.at(await window(browser), 'Ada');
  await story([ada], async () => {
    await enters(ada);
    await ada.arrives('Sites');
    await ada.picture('1-sites');

    await isKilled(asked.onward);
    await ada.picture('2-killed');
    await ada.press('Resume');
    await ada.arrives('Going on with the update');
    await ada.sees('Done.');

    await isKilled(asked.back);
    await ada.press('Roll back');
    await ada.arrives('Rolling back');
    await ada.sees('Everything is what it was before.');
    await ada.picture('3-back');

    await isKilled(asked.again);
    await ada.press('Redo only the step “Swap”');
    await ada.arrives('Going on with the update');
    await ada.sees('Stopped in good order.', 'Next step: Scan.');
    await ada.press('Resume');
    await ada.arrives('Going on with the update');
    await ada.sees('The step “Run once” failed.', 'run_once/002-thumbnails.sh', 'no room for the thumbnails',
      'The site is closed to visitors.');
    await ada.picture('4-failed');
    await please('mend');
    await ada.press('Redo only the step “Run once”');
    await ada.sees('Stopped in good order.', 'Next step: Verify.');
    await ada.press('Resume');
    await ada.sees('Done.');
    await ada.follow('entracte');
    await ada.arrives('Sites');
    await ada.picture('5-afterwards');
  });

  /** Goes to the site at that path, begins, and sees what became of it. */
  async function isKilled(path) {
    await ada.follow('entracte');
    await ada.arrives('Sites');
    await ada.follow('site', ada.page.getByRole('row', { name: path }));
    await ada.arrives('Home');
    await ada.sees(path);
    await ada.goesTo('Update');
    await ada.arrives('Carry out the update');
    await ada.press('Carry it out');
    await ada.arrives('Carrying out the update');
    await ada.sees('It stopped half-way: a person has to decide how to go on.', 'Whoever worked on it is gone, in the step “Swap”.',
      'The site is closed to visitors.', '“Resume” begins the step again and goes on to the end.');
    await ada.unfolds('Log');
    await ada.sees(/✔ save[^]*→ swap/);
  }
});
