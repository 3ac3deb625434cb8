// The browser is closed in the middle of the work, and started again.
import { asked, ownBrowser, please, withFolder } from './tools.mjs';
import { Operator, enters, seesLiveSwap, story } from './operator.mjs';

await withFolder(async (folder, options) => {
  const people = [];
  const starts = async () => {
    people.push(await Operator.at(await ownBrowser(folder, options), `Ada ${people.length + 1}`));
    return people.at(-1);
  };
  await story(people, async () => {
    const ada = await starts();
    await enters(ada);
    await ada.arrives('Home');
    await ada.sees('is approved and waits to be applied.');
    await ada.goesTo('Update');
    await ada.arrives('Carry out the update');
    await ada.press('Carry it out');
    await ada.arrives('Carrying out the update');
    await please('halted');
    await seesLiveSwap(ada);
    await ada.context.close();
    await please('still halted');

    const later = await starts();
    await later.opens(asked.origin);
    await later.arrives('Home');
    await later.sees('At work now');
    await later.picture('1-home');
    await later.follow('Go there');
    await later.arrives('Carrying out the update');
    await seesLiveSwap(later);
    await later.picture('2-live-again');
    await please('goes on');
    await later.sees('Done.');
    await later.context.close();
  });
});
