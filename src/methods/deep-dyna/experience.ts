import { Bootstrap, type EnsembleBatch } from '../../models/ensemble/bootstrap.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentState } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Step } from '../../training/environment-steps.ts';
import type { Batch } from '../../training/replay.ts';
import type { Experience } from '../../training/replay-learner.ts';
import { drawObservations } from '../../training/transitions.ts';
import type { DeepDynaSettings } from './settings.ts';

/** What one update learns from. */
export interface DynaBatch {
  /** Real transitions. */
  real: Batch;
  /** Transitions for the networks of the model; undefined where nothing is planned. */
  model: EnsembleBatch | undefined;
  /** Of each planning update, o that simulated steps begin with, raw units: [members, batch, horizon, observation] */
  starts: readonly Float32Array[];
}

/** Experience as transitions, from which values, model and planning draw, one after the other. */
export class DynaExperience implements Experience<DynaBatch> {
  readonly #ensemble: Bootstrap;
  readonly #starts: readonly Float32Array[];

  constructor(members: number, settings: DeepDynaSettings, spaces: AgentSpaces) {
    const { model, replay, planningUpdates, planning } = settings;
    // Networks that all learn from all: what tells them apart is where they began, and which batches they saw.
    this.#ensemble = new Bootstrap(members, model.networks, { bootstrap: false, replay }, spaces);
    const each = members * replay.batch * planning.horizon * spaces.observation;
    this.#starts = Array.from({ length: planningUpdates }, () => new Float32Array(each));
  }

  remember(step: Step): void {
    this.#ensemble.remember(step);
  }

  sample(randoms: readonly RandomStream[]): DynaBatch {
    const { transitions } = this.#ensemble;
    const real = transitions.sample(randoms);
    const model = this.#starts.length > 0 ? this.#ensemble.sample(randoms) : undefined;
    for (const starts of this.#starts) drawObservations(transitions.replays, randoms, starts);
    return { real, model, starts: this.#starts };
  }

  save(member: number): AgentState['arrays'] {
    return this.#ensemble.save(member);
  }

  load(member: number, arrays: AgentState['arrays']): void {
    this.#ensemble.load(member, arrays);
  }
}
