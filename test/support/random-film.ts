import { environmentEntry } from '../../src/envs/index.ts';
import type { Film } from '../../src/pictures/film.ts';
import type { FilmedEpisode } from '../../src/pictures/filmed-episode.ts';
import { RandomStream } from '../../src/random/stream.ts';

/** A film of random observations, in reality and in dreams, of an environment. */
export function randomFilm(environment: string, steps: number, episodes = 1): Film {
  const { drawing, observationNames, observationScale } = environmentEntry(environment);
  const random = RandomStream.named(7, environment);
  const observation = () =>
    Float32Array.from(observationNames, (_, i) => random.normal() * observationScale[i]!);
  return {
    drawing: drawing!,
    title: `${environment} <&>`,
    note: 'A note that is long enough for two lines, whatever they are as wide as, "quoted" and all.',
    episodes: Array.from(
      { length: episodes },
      (): FilmedEpisode => ({
        real: Array.from({ length: steps + 1 }, (_, t) => ({
          observation: observation(),
          reward: t === 0 ? null : random.normal() * 10,
        })),
        dream: Array.from({ length: steps + 1 }, (_, t) => ({
          observation: observation(),
          reward: t === 0 ? null : random.normal() * 10,
          continueProbability: t === 0 ? null : 0.5 + 0.5 * random.uniform(),
          dreamt: t % 5,
        })),
        ending: 'pole',
      }),
    ),
  };
}
