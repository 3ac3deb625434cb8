// The line to the console is cut, and the console is killed twice, while its work goes on.
import { please, window, withBrowser, wrong } from './tools.mjs';
import { Operator, becomes, enters, seesLiveSwap, story } from './operator.mjs';

await withBrowser(async (browser) => {
  const ada = await Operator.at(await window(browser), 'Ada');
  // The browser says that the line broke, that nobody answers, and then that the stream became a page.
  ada.bears(/net::ERR_(INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED|CONNECTION_\w+)/,
    /EventSource's response has a MIME type \("text\/html"\)/, /\/enter: net::ERR_ABORTED/);
  await story([ada], async () => {
    await enters(ada);
    await ada.goesTo('Update');
    await ada.press('Carry it out');
    await ada.arrives('Carrying out the update');
    await please('halted');
    await seesLiveSwap(ada);

    await please('cut the line');
    await ada.sees('The line to the console is broken.');
    await ada.picture('1-broken');
    await please('mend the line');
    await becomes('the line is whole again', async () =>
      !await ada.page.getByText('The line to the console is broken.').isVisible());
    if (!await ada.page.evaluate(() => globalThis.isSamePage)) wrong('Ada', 'the page was loaded anew');
    await seesLiveSwap(ada);
    const log = await ada.page.getByRole('log', { name: 'Log' }).innerText();
    if (log.split('→ swap').length !== 2) wrong('log', `something is told twice: ${log}`);

    await please('kill the console');
    await ada.sees('The line to the console is broken.');
    const first = await please('start the console');
    await ada.sees('You are no longer signed in.');
    await ada.seesNone('The line to the console is broken.');
    await ada.picture('2-signed-out');
    await ada.follow('Sign in');
    await ada.arrives('Come in');
    await ada.sees('This console needs a link.');

    await enters(ada, first.link);
    await ada.arrives('Home');
    await ada.sees('At work now');
    await ada.goesTo('Update');
    await ada.arrives('Carrying out the update');
    await seesLiveSwap(ada);

    await please('kill the console');
    await ada.sees('The line to the console is broken.');
    await please('goes on');
    await please('gone');
    const second = await please('start the console');
    await ada.sees('You are no longer signed in.');
    await enters(ada, second.link);
    await ada.arrives('Home');
    await ada.sees('→ 2: finished');
    await ada.follow('This run');
    await ada.sees('The update is finished; the way back is still open.', 'the one who started the console');
    await ada.picture('3-afterwards');
  });
});
