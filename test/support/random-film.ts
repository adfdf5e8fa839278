import type { Environment } from '../../src/envs/environment.ts';
import { environmentEntry } from '../../src/envs/index.ts';
import { isImage, randomAction } from '../../src/envs/spaces.ts';
import type { Film } from '../../src/pictures/film.ts';
import type { FilmedEpisode } from '../../src/pictures/filmed-episode.ts';
import { RandomStream } from '../../src/random/stream.ts';

/** A film of random observations, in reality and in dreams, of an environment; of images those of random play. */
export function randomFilm(environment: string, steps: number, episodes = 1): Film {
  const { make, drawing, observationScale } = environmentEntry(environment);
  const random = RandomStream.named(7, environment);
  const noise = () => Float32Array.from(observationScale, (scale) => random.normal() * scale);
  const observation = isImage(make().observationSpace) ? randomPlay(make(), random) : noise;
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

/** The observations of random actions, one after the other. */
function randomPlay(environment: Environment, random: RandomStream): () => Float32Array {
  let over = true;
  return () => {
    if (over) {
      over = false;
      return environment.reset(random);
    }
    const { observation, terminated, truncated } = environment.step(
      randomAction(environment.actionSpace, random),
    );
    over = terminated || truncated;
    return observation;
  };
}
