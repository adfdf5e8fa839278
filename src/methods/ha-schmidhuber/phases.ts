import type { HaSchmidhuberSettings } from './settings.ts';

/**
 * The phases of each iteration, which follow the collecting of its data:
 *
 *   vae      V on single observations
 *   rnn      M on windows, V being fixed
 *   evolve   a generation of controllers in dreams of both
 */
const phaseNames = ['vae', 'rnn', 'evolve'] as const;
export type PhaseName = (typeof phaseNames)[number];

/** An update of a phase. */
export interface Phase {
  name: PhaseName;
  /** From 0. */
  iteration: number;
  /** Of the iteration, from 0. */
  index: number;
  /** Updates of this phase made before, in earlier iterations too. */
  made: number;
}

type Scheduled = Pick<
  HaSchmidhuberSettings,
  'randomSteps' | 'iterationSteps' | 'model' | 'vae' | 'rnn' | 'controller'
>;

/** Updates of each phase in an iteration. */
function lengths({ model, vae, rnn, controller }: Scheduled, iteration: number): Record<PhaseName, number> {
  const of = ({ updates, laterUpdates }: { updates: number; laterUpdates: number }) =>
    iteration === 0 ? updates : laterUpdates;
  return {
    vae: model.encoder === 'vae' ? of(vae) : 0,
    rnn: model.rnn === 'trained' ? of(rnn) : 0,
    evolve: controller.in === 'dream' ? controller.generations : 0,
  };
}

/** Iterations that have begun after so many environment steps; one where the controller is evolved in the environment. */
function iterationsBegun({ randomSteps, iterationSteps, controller }: Scheduled, step: number): number {
  if (step < randomSteps) return 0;
  return controller.in === 'dream' ? 1 + Math.floor((step - randomSteps) / iterationSteps) : 1;
}

/** Updates that are due after so many environment steps, those of all iterations together. */
export function updatesDue(settings: Scheduled, step: number): number {
  const each = [0, 1].map((iteration) => {
    const { vae, rnn, evolve } = lengths(settings, iteration);
    return vae + rnn + evolve;
  }) as [number, number];
  const begun = iterationsBegun(settings, step);
  return begun === 0 ? 0 : each[0] + (begun - 1) * each[1];
}

/** The phases that have an update, one after the other; there is no end to them where later iterations have any. */
function* spans(settings: Scheduled): Iterable<{ name: PhaseName; iteration: number; length: number }> {
  for (let iteration = 0; ; iteration++) {
    const own = lengths(settings, iteration);
    for (const name of phaseNames) if (own[name] > 0) yield { name, iteration, length: own[name] };
    if (iteration > 0 && phaseNames.every((name) => own[name] === 0)) return;
  }
}

/** What the update after so many is of. */
export function phaseOf(settings: Scheduled, update: number): Phase {
  const made = { vae: 0, rnn: 0, evolve: 0 };
  let left = update;
  for (const { name, iteration, length } of spans(settings)) {
    if (left < length) return { name, iteration, index: left, made: made[name] + left };
    left -= length;
    made[name] += length;
  }
  throw new RangeError(`no phase has an update ${update}`);
}

/** How many of the first updates are of each phase. */
export function updatesBefore(settings: Scheduled, update: number): Record<PhaseName, number> {
  const made = { vae: 0, rnn: 0, evolve: 0 };
  if (update === 0) return made;
  let left = update;
  for (const { name, length } of spans(settings)) {
    const some = Math.min(left, length);
    made[name] += some;
    left -= some;
    if (left === 0) return made;
  }
  throw new RangeError(`no phase has an update ${update}`);
}
