// Two people at two browsers: each sees what the other does, and nothing is done twice.
import { please, window, withBrowser, wrong } from './tools.mjs';
import { Operator, enters, story } from './operator.mjs';

const TYPE = 'Type how the plan’s id begins';

await withBrowser(async (browser) => {
  const ada = await Operator.at(await window(browser), 'Ada');
  const ben = await Operator.at(await window(browser), 'Ben');
  // Refusals are pages with a status of their own.
  [ada, ben].forEach((person) => person.bears(/(approve|apply|rollback).*status of 409/, /status of 409 \(Conflict\)/));
  await story([ada, ben], async () => {
    await enters(ada);
    await invites();
    const old = await looksAtPlan(ada);
    if (await looksAtPlan(ben) !== old) wrong('plan', 'two people see two plans');
    await becomesAnother(old);
    await approvesOnce();
    await beginsOnce();
    await stops();
    await looksBack();
  });

  async function invites() {
    await ada.follow('People');
    await ada.arrives('People');
    await ada.page.locator('#invited').fill('ben');
    await ada.page.locator('#role').selectOption({ label: 'operates' });
    await ada.press('Make a link');
    const link = await ada.page.getByRole('status').getByText(/^http/).innerText();
    await enters(ben, link);
    await ben.arrives('Home');
    await ben.page.getByRole('link', { name: 'ben', exact: true }).waitFor();
    await ada.follow('entracte');
  }

  /** What the page asks to be typed. */
  async function looksAtPlan(person) {
    await person.goesTo('Update');
    await person.arrives('Update: the plan');
    return begins(person);
  }

  function begins(person) {
    return person.page.locator('p', { has: person.page.getByLabel(TYPE) }).locator('code').innerText();
  }

  async function approves(person) {
    await person.types(TYPE, await begins(person));
    await person.press('Approve');
  }

  /** Ben has the plan made anew, and Ada's word for the old one counts no more. */
  async function becomesAnother(old) {
    await please('edit');
    await ben.goesTo('Update');
    await ben.sees('Something changed since the plan was made', '1 path is no longer as it was: app/changed.txt');
    await ben.picture('1-drifted');
    await ben.button('Make the plan anew').first().click();
    await ben.arrives('Making the plan');
    await ben.sees('Done.');
    await ben.follow('On with the update');
    await ben.arrives('Update: the plan');
    if (await begins(ben) === old) wrong('plan', 'it is the same as before');
    await approves(ada);
    await ada.arrives('Not approved');
    await ada.sees('The plan was made anew since you looked at it.', 'Look through the new one, then approve that.');
    await ada.picture('2-another-plan');
    await ada.follow('See where the update stands');
    await ada.arrives('Update: the plan');
  }

  async function approvesOnce() {
    await approves(ben);
    await ben.arrives('Carry out the update');
    await ben.sees('Approved by ben (console).');
    await approves(ada);
    await ada.arrives('Not approved');
    await ada.sees('ben (console) approved this plan already');
    await ada.picture('3-approved-already');
    await ada.follow('See where the update stands');
    await ada.arrives('Carry out the update');
  }

  async function beginsOnce() {
    await ben.press('Carry it out');
    await ben.arrives('Carrying out the update');
    await please('halted');
    await ada.press('Carry it out');
    await ada.arrives('Something changed meanwhile');
    await ada.sees('Somebody works on this site now.');
    await ada.picture('4-busy');
    // Neither does other work begin beside it.
    await ada.goesTo('Watch');
    await ada.arrives('Watch');
    await ada.press('Watch now');
    await ada.sees('Somebody else works on this site, so nothing was done.');
    await ada.picture('5-nothing-beside');
    await ada.follow('Follow that work');
    await ada.arrives('Carrying out the update');
    await ada.goesTo('Home');
    await ada.sees('Carrying out the update: ben asked for this');
    await ada.goesTo('Update');
    await ada.arrives('Carrying out the update');
    await ada.sees('ben asked for this');
    const marks = await ada.marks();
    if (marks.Swap !== '…') wrong('Ada', `she sees ${JSON.stringify(marks)}`);
  }

  async function stops() {
    await ada.press('Stop in good order');
    await ada.sees('the one who started the console asked it to stop');
    // Ben loads nothing anew.
    await ben.sees('the one who started the console asked it to stop');
    await ben.picture('6-asked-to-stop');
    await please('goes on');
    for (const person of [ada, ben]) await person.sees('Stopped in good order.', 'Next step: Swap.');
    await ada.press('Resume');
    await ada.arrives('Going on with the update');
    await ada.sees('Done.');
    await ben.press('Roll back');
    await ben.arrives('Something changed meanwhile');
    await ben.sees('Somebody did something here since your page was shown, so what you asked for was not done.');
    await ben.picture('7-another-stand');
    await ben.follow('See where the site stands');
    await ben.sees('The update is finished; the way back is still open.');
  }

  async function looksBack() {
    await ben.follow('See this run in full');
    const deeds = (await ben.rows('What people did about this run')).slice(1).map(([, event, by]) => `${event} by ${by}`);
    for (const deed of ['plan approved by ben (console)', 'run begun by ben', 'run gone on with by the one who started the console']) {
      if (!deeds.some((one) => one.startsWith(deed))) wrong('history', `"${deed}" is not in ${deeds.join('; ')}`);
    }
    await ben.picture('8-who-did-what');
  }
});
