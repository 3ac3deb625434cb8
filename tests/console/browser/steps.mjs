// One step at a time, in French and on a telephone.
import { asked, window, withBrowser, wrong } from './tools.mjs';
import { Operator, enters, story } from './operator.mjs';

const STEPS = ['Fermer', 'Sauvegarder', 'Échanger', 'Recenser', 'Migrer', 'Scripts uniques', 'Vérifier', 'Rouvrir'];

await withBrowser(async (browser) => {
  const context = await window(browser, { width: 390, height: 800, scheme: 'dark', locale: 'fr-FR' });
  const ada = await Operator.at(context, 'Ada');
  await story([ada], async () => {
    await enters(ada, asked.link, ['Entrer', 'Entrer']);
    await ada.arrives('Accueil');
    await ada.sees('est approuvé et attend d’être appliqué.');
    await ada.picture('1-home');
    await ada.follow('Mise à jour', ada.page.getByRole('region', { name: 'Ce qui attend quelqu’un' }));
    await ada.arrives('Exécuter la mise à jour');
    for (const [at, step] of STEPS.entries()) {
      await ada.press(`Faire une étape : ${step}`);
      await ada.arrives(at === 0 ? 'Mise à jour en cours' : 'Reprise de la mise à jour');
      const next = STEPS[at + 1];
      if (!next) break;
      await ada.sees('Arrêté proprement.', `Prochaine étape : ${next}.`);
      const marks = await ada.marks();
      const done = STEPS.filter((one) => marks[one] === '✔');
      if (done.join() !== STEPS.slice(0, at + 1).join()) wrong(step, `done are ${done}`);
      if (step === 'Échanger') await ada.picture('2-stopped');
    }
    await ada.sees('Demandé par la personne qui a démarré la console', 'Terminé.', 'La mise à jour est terminée');
    await ada.picture('3-done');
  });
});
