import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { experimentOf } from '../src/config/schema.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { evaluateRun } from '../src/experiment/evaluate-run.ts';
import { vaeLstm } from '../src/methods/vae-lstm/agent.ts';
import type { VaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { readCheckpoint } from '../src/runs/checkpoint.ts';
import { RunFolder } from '../src/runs/run-folder.ts';
import type { Agent } from '../src/training/agent.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { complete } from '../src/training/evaluate.ts';
import type { Row } from '../src/training/events.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { emptyBatch } from '../src/training/replay.ts';
import { measure } from '../src/training/train.ts';
import { stepSpaces } from './support/agents.ts';
import { runInfo } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

/**
 * A small trained agent whose averaged policy is far from its online one, and what scripts/model_metrics_reference.py
 * makes of it: an implementation of its own of the random streams, the environment, the held-out set, the policies and
 * every metric, by which not only the formulas are held but also which weights play and which stream is drawn from.
 */
const fixtures = fileURLToPath(new URL('fixtures/small-agent/', import.meta.url));
const weights = path.join(fixtures, 'weights.safetensors');
const expected: {
  rows: Record<string, Record<string, number>>;
  eval: {
    returns: number[];
    diagnosis: Record<string, number>;
    dream_return_without_bootstrap: number;
  };
} = JSON.parse(readFileSync(path.join(fixtures, 'expected.json'), 'utf8'));

const configText = readFileSync(path.join(fixtures, 'config.yaml'), 'utf8');
const experiment = loadExperiment({ file: 'config.yaml', text: configText });
const settings = experimentOf(experiment, 'vae-lstm');
const seed = experiment.seeds[0]!;
const entry = environmentEntry(experiment.environment);

function loadAgent(settings: VaeLstmSettings): Agent {
  const agent = vaeLstm.create([{ seed, settings }], agentSpaces(entry));
  agent.load([readCheckpoint({ newest: weights, previous: '' })!.state]);
  return agent;
}

/** What 32 bits leave of a reward of 1, which this model has learnt to the last of them. */
const ROUNDED_REWARD = 1e-7;

/** Every number wanted, to what 32 bits leave of it; means over episodes, which are whole numbers, to the bit. */
function assertRow(row: Row, wanted: Record<string, number>): void {
  assert.deepEqual(Object.keys(row), Object.keys(wanted));
  for (const [column, value] of Object.entries(wanted)) {
    const limit = /^reward_(mean|std|min|max)/.test(column) ? 1e-12 : 1e-4;
    const found = row[column];
    assert.ok(
      typeof found === 'number' && Math.abs(found - value) <= limit * Math.abs(value) + ROUNDED_REWARD ** 2,
      `${column}: ${found}, not ${value}`,
    );
  }
}

describe("a checkpoint's metrics equal those computed in numpy", () => {
  before(async () => {
    await startEngine('wasm');
  });

  for (const step of [2000, 6000]) {
    test(`of the evaluation at step ${step}`, async () => {
      const wanted = expected.rows[step]!;
      assert.ok(wanted.reward_mean_online! - wanted.reward_mean! > 100, 'the policies play differently');
      const agent = loadAgent(settings);
      const heldOut = () => heldOutSet(entry);
      const measured = async (online: boolean) => {
        const evaluation = { episodes: wanted.episodes!, online };
        const [of] = await complete(measure(agent, entry, evaluation, heldOut, [seed], step));
        return of!.row;
      };
      const row = await measured(true);
      assertRow(row, wanted);
      // Without the online policy, all else is the same.
      assert.deepEqual(await measured(false), { ...row, reward_mean_online: null });
      agent.dispose();
    });
  }

  test('of wm eval, from starts and noise of its own', async () => {
    const dir = path.join(temporaryFolder('eval'), 'small');
    const folder = RunFolder.open(dir, {
      configText: formatExperiment(experiment),
      info: runInfo('dream-critic', 'wasm'),
    });
    const seedFolder = folder.seed(seed);
    seedFolder.make();
    copyFileSync(weights, path.join(seedFolder.dir, 'checkpoint.safetensors'));
    folder.close();
    const { returns, diagnosis } = expected.eval;
    const { seeds } = await evaluateRun(dir, {
      checkpoint: 'last',
      episodes: returns.length,
      engine: 'wasm',
      clock: () => 0,
      begin: () => {},
    });
    assert.deepEqual(
      seeds[0]!.episodes.map((episode) => episode.return),
      returns,
    );
    assertRow(seeds[0]!.diagnosis, diagnosis);
  });

  test('of an arm whose critic does not end the imagined return', async () => {
    const agent = loadAgent({ ...settings, critic: { ...settings.critic, bootstrapsActor: false } });
    const own = { ...emptyBatch(1, 1, 1, stepSpaces(4)), mask: Float32Array.of(1) };
    const [row] = await agent.diagnose(() => heldOutSet(entry), [own], [0]);
    agent.dispose();
    const { dream_return_without_bootstrap } = expected.eval;
    assertRow({ dream_return: row!.dream_return! }, { dream_return: dream_return_without_bootstrap });
  });
});
