import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/acting.ts';
import type { Decision, Situation } from '../../training/acting.ts';
import type { AgentState, Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Observations } from '../../training/observations.ts';
import type { Optimised } from '../../training/optimise.ts';
import type { Batch } from '../../training/replay.ts';
import { ModelFreeAgent } from '../../training/stateful-agent.ts';
import type { TrainingState } from '../../training/training-state.ts';
import { trainingCost } from './flops.ts';
import { Improvement } from './improvement.ts';
import { type Networks, networks } from './networks.ts';
import { Normalisation } from './normalisation.ts';
import { type RolloutAgent, RolloutLearner } from './rollout-learner.ts';
import type { PpoSettings } from './settings.ts';
import { LOSS_TERMS, type LossTerm, uploadRollout } from './update.ts';

/** Proximal policy optimisation (Schulman et al. 2017): the registry's entry. */
export const ppo: Method<PpoSettings> = {
  create: (members, spaces) => new PpoAgent(members, spaces),
  trainingCost,
};

class PpoAgent
  extends ModelFreeAgent<PpoSettings, Optimised, 'minibatches', LossTerm>
  implements RolloutAgent
{
  readonly lossTerms = LOSS_TERMS;
  readonly carrySize = 0;
  readonly noise;

  readonly #networks: Networks;
  protected readonly state: TrainingState<Optimised, 'minibatches', LossTerm>;
  readonly #improvement: Improvement;
  readonly #acting: Acting<Pick<Optimised, 'parameters'>>;
  readonly #normalisation: Normalisation | undefined;

  constructor(members: readonly Member<PpoSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#networks = networks(this.settings, spaces);
    const { layout, policy, policyAt } = this.#networks;
    this.noise = { sampled: [policy.noise], greedy: [] };
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations, noise }) => {
      const distribution = policyAt(layout.unpack(weights.parameters), observations);
      return { actions: distribution.choose(noise) };
    });
    this.#improvement = new Improvement(members, this.#networks);
    this.state = this.#improvement.state;
    const { normalise, environments, gamma } = this.settings;
    if (normalise) {
      this.#normalisation = new Normalisation(members.length, environments, spaces.observation, gamma);
    }
  }

  act(situation: Situation): Promise<Decision> {
    const observations = this.#normalisation?.observations(situation.observations) ?? situation.observations;
    return this.#acting.decide({ parameters: this.state.weights.parameters }, { ...situation, observations });
  }

  learner(environment: EnvironmentEntry): RolloutLearner {
    const { environments, rolloutSteps } = this.settings;
    return new RolloutLearner(this, environment, this.seeds, environments, rolloutSteps);
  }

  learn(raw: Batch<Observations>, step: number, update: number): number {
    const rollout = this.#normalisation?.rollout(raw) ?? raw;
    const made = this.#improvement.improve(() => uploadRollout(rollout, this.#networks), step, update);
    this.#normalisation?.observe(raw);
    return made;
  }

  override async save(): Promise<AgentState[]> {
    const states = await super.save();
    return states.map(({ arrays, streams }, member) => ({
      arrays: { ...arrays, ...this.#normalisation?.save(member) },
      streams,
    }));
  }

  override load(states: readonly AgentState[]): void {
    for (const [member, { arrays }] of states.entries()) this.#normalisation?.load(member, arrays);
    super.load(states);
  }

  override dispose(): void {
    this.#acting.dispose();
    this.#improvement.dispose();
    super.dispose();
  }
}
