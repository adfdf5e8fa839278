import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { UserError } from '../../errors.ts';
import { openGame, WEIGHTS_FILE } from '../../play/played-run.ts';
import { byId } from '../dom.ts';
import { Page } from './page.ts';

/** SHA-256 of a header followed by data. */
const hash = (header: string, data: Uint8Array): string =>
  bytesToHex(sha256.create().update(utf8ToBytes(header)).update(data).digest());

/** The weights, from beside the page. @throws UserError where they cannot be had. */
async function fetchWeights(): Promise<Uint8Array> {
  if (location.protocol === 'file:') {
    throw new UserError(
      'a page that is opened as a file may load nothing; serve its folder by a web server, such as python3 -m http.server, or play the run by wm play',
    );
  }
  const response = await fetch(WEIGHTS_FILE).catch(() => undefined);
  if (!response?.ok) {
    const why = response ? `the server says ${response.status}` : 'the server does not answer';
    throw new UserError(`${WEIGHTS_FILE} cannot be loaded (${why}); it has to lie beside this page`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function main(): Promise<void> {
  const bytes = await fetchWeights();
  tf.enableProdMode();
  await tf.setBackend('cpu');
  const { run, entry, game } = openGame(bytes, hash);
  await game.newEpisode();
  byId('name', HTMLElement).textContent = run.name;
  byId('about', HTMLElement).textContent =
    `${run.arm} on ${run.experiment.environment}, seed ${run.seed} after ${run.step} steps. What the model dreams is computed in this page.`;
  document.title = `${run.name} – wm play`;
  await new Page(game, entry).play();
}

main().catch((error: unknown) => {
  const problem = byId('problem', HTMLElement);
  problem.hidden = false;
  if (error instanceof UserError) {
    problem.textContent = error.message;
  } else {
    problem.textContent = "an error of this page; the browser's console has more";
    throw error;
  }
});
