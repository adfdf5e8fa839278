import { bootstrapInterval } from '../../bootstrap.ts';
import { type Interval, mean } from '../../statistics.ts';
import { CRITIC, OWN } from '../../training/gradient-flow.ts';
import { resamples } from '../samples.ts';
import { type Measure, type MeasuredRun, type Moment, PARTS, partOf } from './measured.ts';

/** The mean of a number over seeds; null where no seed has it. */
export interface OverSeeds {
  mean: number | null;
  interval: Interval | null;
  seeds: number;
}

/** A gradient over a part of the training: of each seed the mean over the part's measured updates, then over seeds. */
export interface FlowMean {
  term: string;
  module: string;
  /** From 1; 0: the whole. */
  part: number;
  /** Updates from which and up to which it goes. */
  from: number;
  to: number;
  norm: OverSeeds;
  /** Over those updates that have one. */
  cosine: OverSeeds;
  /** Of the critic's alone: its mean norm over that of the model's own losses together. */
  share: OverSeeds;
}

/** All parts of all gradients of a run, the whole training last. */
export function flowMeans({ seeds, terms, updates }: MeasuredRun): FlowMean[] {
  const parts = [...Array(PARTS).keys()].map((part) => ({
    part: part + 1,
    from: Math.floor((part * updates) / PARTS) + 1,
    to: Math.floor(((part + 1) * updates) / PARTS),
    holds: ({ update }: Moment) => partOf(update, updates) === part,
  }));
  const whole = { part: 0, from: 1, to: updates, holds: () => true };
  const { of } = seeds[0]!.moments[0]!;
  return [...parts, whole].flatMap(({ holds, ...part }) => {
    const within = seeds.map(({ moments }) => moments.filter(holds));
    return terms.flatMap((term) =>
      [...of.get(term)!.keys()].map((module): FlowMean => {
        const means = within.map((moments) => meansOf(moments, term, module));
        return {
          ...{ term, module, ...part },
          norm: overSeeds(means.map(({ norm }) => norm)),
          cosine: overSeeds(means.map(({ cosine }) => cosine)),
          share: overSeeds(
            within.map((moments, seed) =>
              term === CRITIC ? shareOf(means[seed]!.norm, meansOf(moments, OWN, module).norm) : null,
            ),
          ),
        };
      }),
    );
  });
}

/** One seed's means; null where there is nothing to take one of. */
function meansOf(moments: readonly Moment[], term: string, module: string) {
  const measures = moments.flatMap(({ of }): Measure[] => {
    const found = of.get(term)?.get(module);
    return found ? [found] : [];
  });
  return {
    norm: mean(measures.map(({ norm }) => norm)),
    cosine: mean(measures.flatMap(({ cosine }) => cosine ?? [])),
  };
}

const shareOf = (critic: number | null, own: number | null) =>
  critic !== null && own !== null && own > 0 ? critic / own : null;

function overSeeds(values: readonly (number | null)[]): OverSeeds {
  const found = values.filter((value) => value !== null);
  return { mean: mean(found), interval: bootstrapInterval(found, resamples), seeds: found.length };
}
