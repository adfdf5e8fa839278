import assert from 'node:assert/strict';
import { environmentEntry } from '../../src/envs/index.ts';
import { vaeLstm } from '../../src/methods/vae-lstm/agent.ts';
import { vaeLstmSettings } from '../../src/methods/vae-lstm/settings.ts';
import { RandomStream } from '../../src/random/stream.ts';
import { agentSpaces } from '../../src/training/agent-spaces.ts';
import { emptyBatch } from '../../src/training/replay.ts';
import { stepSpaces } from './agents.ts';

/**
 * Asserts that on the active engine an agent that goes on from saved weights has after every update the bytes of one
 * that never stopped.
 */
export async function assertGoesOnExactly(): Promise<void> {
  const settings = vaeLstmSettings.parse({ imaginationStarts: 16, horizon: 5 });
  const spaces = agentSpaces(environmentEntry('CartPole-v1'));
  const { batch: windows, length } = settings.replay;
  const batch = emptyBatch(1, windows, length, stepSpaces(4));
  const random = RandomStream.named(0, 'batch');
  for (const values of [batch.observation, batch.nextObservation]) random.fillNormal(values);
  const create = () => vaeLstm.create([{ seed: 0, settings }], spaces);
  const saved = async (agent: ReturnType<typeof create>) => (await agent.save())[0]!.arrays;

  const whole = create();
  const halves: ReturnType<typeof create>[] = [];
  for (let update = 1; update <= 4; update++) {
    const resumed = create();
    resumed.load(await whole.save());
    halves.push(resumed);
    for (const agent of [whole, resumed]) agent.update(batch, 100, update);
    const [wanted, actual] = [await saved(whole), await saved(resumed)];
    for (const [name, { data }] of Object.entries(wanted)) {
      assert.ok(
        Buffer.from(data.buffer).equals(Buffer.from(actual[name]!.data.buffer)),
        `${name}, update ${update}`,
      );
    }
  }
  for (const agent of [whole, ...halves]) {
    await agent.drainLosses();
    agent.dispose();
  }
}
