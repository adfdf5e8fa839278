import { UserError } from '../errors.ts';
import type { CheckpointChoice } from '../runs/saved-seeds.ts';
import { alternatives, closest } from '../words.ts';

/** Who acts in a share of a data set's steps. */
export interface MixPart {
  /** As it was asked for, without its share. */
  name: string;
  policy: 'random' | 'controller' | 'sampled' | 'greedy';
  /** Whose policy; undefined where it is no run's. */
  from: { run: string; checkpoint: CheckpointChoice } | undefined;
  /** Share of actions that are replaced by uniformly random ones. */
  noise: number;
  /** Share of the steps. */
  share: number;
}

/** What acts, by the name that `--mix` has for it. */
const POLICIES: Record<string, Pick<MixPart, 'policy'> & { checkpoint?: CheckpointChoice }> = {
  random: { policy: 'random' },
  controller: { policy: 'controller' },
  last: { policy: 'sampled', checkpoint: 'last' },
  'last-greedy': { policy: 'greedy', checkpoint: 'last' },
  best: { policy: 'sampled', checkpoint: 'best' },
  'best-greedy': { policy: 'greedy', checkpoint: 'best' },
};

/** How far the shares may miss 1 by rounding. */
const ROUNDING = 1e-6;

/**
 * The parts of a mix, each `[RUN/]POLICY[~NOISE]=SHARE`: `random=0.4`, `best~0.3=0.2`, `early/last=0.4`.
 *
 * @param runs names of the runs whose policies there are
 * @throws UserError naming the first mistake.
 */
export function parseMix(texts: readonly string[], runs: readonly string[]): MixPart[] {
  const parts = texts.map((text) => parsePart(text, runs));
  const twin = parts.find(({ name }, i) => parts.findIndex((part) => part.name === name) < i);
  if (twin) throw new UserError(`--mix ${twin.name}: stands twice; add the two shares up`);
  const sum = parts.reduce((total, { share }) => total + share, 0);
  if (Math.abs(sum - 1) > ROUNDING) {
    throw new UserError(
      `--mix: the shares add up to ${Number(sum.toPrecision(6))}; make them 1, as in --mix random=0.4 best=0.6`,
    );
  }
  return parts;
}

function parsePart(text: string, runs: readonly string[]): MixPart {
  const refuse = (why: string): never => {
    throw new UserError(`--mix ${text}: ${why}`);
  };
  const [, name = '', shareText] = /^(.*)=([^=]+)$/.exec(text) ?? [];
  const [, run, word = '', noiseText = '0'] = /^(?:(.*)\/)?([^/~]+)(?:~([^~]*))?$/.exec(name) ?? [];
  const share = Number(shareText);
  const noise = noiseText === '' ? Number.NaN : Number(noiseText);
  if (shareText === undefined || !(share > 0 && share <= 1)) {
    refuse('expected [RUN/]POLICY[~NOISE]=SHARE with a share above 0 and up to 1, such as best~0.3=0.5');
  }
  if (!(noise >= 0 && noise <= 1)) refuse(`the noise is a share of actions from 0 to 1, got ${noiseText}`);
  const known = Object.hasOwn(POLICIES, word) ? POLICIES[word] : undefined;
  if (!known) {
    const near = closest(word, Object.keys(POLICIES));
    const advice = near ? `did you mean ${near}?` : `use ${alternatives(Object.keys(POLICIES))}`;
    return refuse(`there is no policy "${word}", ${advice}`);
  }
  const { policy, checkpoint } = known;
  if (checkpoint === undefined) {
    if (run !== undefined) refuse(`${word} is no run's policy; leave ${run}/ out`);
    return { name, policy, from: undefined, noise, share };
  }
  if (runs.length === 0) refuse(`${word} is a run's policy, and there is none; give one with --run`);
  if (run === undefined && runs.length > 1)
    refuse(`say whose: ${alternatives(runs.map((each) => `${each}/${word}`))}`);
  const whose = run ?? runs[0]!;
  if (!runs.includes(whose)) refuse(`no --run is called ${whose}; the names are ${alternatives(runs)}`);
  return { name, policy, from: { run: whose, checkpoint }, noise, share };
}
