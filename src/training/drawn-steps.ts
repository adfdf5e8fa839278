import type { ExampleDraw } from './offline-learner.ts';
import type { RecordedEpisodes } from './recorded-episodes.ts';
import { type Batch, emptyBatch, type StepSpaces } from './replay.ts';
import { StepSampler } from './step-sampler.ts';

/**
 * Single steps, drawn uniformly from some episodes.
 *
 * @param episodes of each member, one at least
 * @param count per update of each
 */
export function drawnSteps(
  data: RecordedEpisodes,
  episodes: readonly Int32Array[],
  count: number,
  spaces: StepSpaces,
): ExampleDraw<Batch> {
  const samplers = episodes.map((own) => new StepSampler(data.lengths, own));
  const examples = emptyBatch(episodes.length, count, 1, spaces);
  return {
    examples,
    draw: (member, random) => {
      for (let row = member * count; row < (member + 1) * count; row++) {
        const { episode, step } = samplers[member]!.draw(random);
        data.read(episode, step, 1, examples, row);
      }
    },
  };
}
