import { FreshEpisodes } from '../../envs/fresh-episodes.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { RandomStream } from '../../random/stream.ts';
import { ActingLoop } from '../acting.ts';
import { type Actions, emptyActions } from '../actions.ts';
import type { Agent, AgentState } from '../agent.ts';
import { EnvironmentSteps, type Step } from '../environment-steps.ts';
import { RandomActions } from '../random-actions.ts';
import { type ActedStep, STEP_AFTER_OUTAGE, STEP_FOLLOWS, STEP_OPENS_SITTING } from './acted-step.ts';
import type { Clock } from './clock.ts';

/** Weights that a learner has handed over. */
export interface Policy {
  state: AgentState;
  /** Updates behind them. */
  update: number;
  /** Steps that these had been made after. */
  step: number;
}

/** What acting in real time is made of. */
export interface RealTimeActing {
  agent: Agent;
  environment: EnvironmentEntry;
  seed: number;
  /** Environment steps in all. */
  steps: number;
  /** How many of them, the first ones, are uniformly random, and for how long such an action is held on average. */
  randomSteps: number;
  randomHold: number;
  /** Steps per second of the environment's own clock; undefined: it waits for every action. */
  rate: number | undefined;
  clock: Clock;
  /** Weights that are newer than those given before; undefined where there are none. */
  newest: () => Policy | undefined;
  /** Steps taken before. */
  taken: number;
  /** Those of the episode that was open when they ended; empty where none was. */
  open: readonly ActedStep[];
  /** Whether a process is replaced that acted in this sitting, and died. */
  isReplacing: boolean;
}

/**
 * Acts in one environment that does not wait. Its clock ticks `rate` times a second from the first action on; at every tick
 * it takes a step with the last action that it was given. What is shown at a tick is to be answered by the next one: an
 * answer that comes later finds that the environment has gone on without, with the action before, and counts for the next
 * step instead. Every such step is late. Nothing is caught up with: deadlines stand where the clock has put them.
 *
 * The environment is simulated, so what it did while the agent thought is computed afterwards, to the same end.
 *
 * What is random goes by the number of the step: start states, random actions and the noise of the policy are those of
 * streams forked by it, so that who goes on from recorded steps draws what would have been drawn. Only a random action that is
 * held is not recorded as such: who goes on in the middle of one draws another.
 *
 * Yields every step when it has been taken; the arrays are overwritten by the next.
 */
export async function* actInRealTime(setting: RealTimeActing): AsyncGenerator<ActedStep, void, void> {
  const { clock, rate, steps } = setting;
  const body = new Body(setting);
  // An engine may compile what it does first.
  await body.rehearse();
  body.takeOver(setting.newest());
  let before = setting.isReplacing ? STEP_AFTER_OUTAGE : STEP_OPENS_SITTING;
  const take = (time: number, response: number | null): ActedStep => {
    const step = { ...body.take(), time, before, late: Number(response === null) };
    before = STEP_FOLLOWS;
    return { ...step, response: response ?? Number.NaN };
  };

  let origin = 0;
  /** Ticks of the clock at which the environment has taken a step; what is shown now, it shows since the last of them. */
  let ticks = 0;
  const tick = (n: number) => origin + n / rate!;
  while (body.taken < steps) {
    const shown = rate === undefined || ticks === 0 ? clock.now() : tick(ticks);
    const answer = await body.decide();
    const answered = clock.now();
    if (rate === undefined) {
      body.keepTo(answer);
      yield take(answered, answered - shown);
      body.takeOver(setting.newest());
      continue;
    }
    // The clock starts with the first action.
    if (ticks === 0) origin = answered;
    while (body.taken < steps && answered > tick(ticks + 1)) yield take(tick(++ticks), null);
    if (body.taken === steps) return;
    body.keepTo(answer);
    body.takeOver(setting.newest());
    await clock.until(tick(ticks + 1));
    yield take(tick(++ticks), answered - shown);
    while (body.taken < steps && clock.now() > tick(ticks + 1)) yield take(tick(++ticks), null);
  }
}

/** An action, and what chose it. */
interface Answer extends Pick<ActedStep, 'random' | 'policy'> {
  actions: Actions;
}

/** One environment, and the agent that acts in it. */
class Body {
  /** Steps taken. */
  taken: number;
  readonly #setting: RealTimeActing;
  readonly #steps: EnvironmentSteps;
  readonly #acting: ActingLoop;
  readonly #random: RandomActions;
  readonly #streams: Record<'environment' | 'exploration' | 'acting', RandomStream>;
  #policy: ActedStep['policy'] = { update: 0, step: 0 };
  #kept: Answer;

  /** Goes on in the open episode. @throws RangeError where the environment does not come to where that stood. */
  constructor(setting: RealTimeActing) {
    const { agent, environment, seed, open } = setting;
    this.#setting = setting;
    this.#acting = new ActingLoop(agent, 'online', 'sampled', 1, 1);
    this.#steps = new EnvironmentSteps([new FreshEpisodes(environment.make)], this.#acting.carrySize);
    const { actionSpace, observations } = this.#steps.vector;
    this.#random = new RandomActions(actionSpace, 1, setting.randomHold);
    this.#streams = {
      environment: RandomStream.named(seed, 'environment'),
      exploration: RandomStream.named(seed, 'exploration'),
      acting: RandomStream.named(seed, 'acting'),
    };
    this.#kept = { actions: emptyActions(actionSpace, 1), random: 1, policy: this.#policy };
    this.taken = setting.taken - open.length;
    this.#steps.vector.reset(0, this.#begin());
    for (const { action, carry } of open) {
      this.#steps.take(action, carry, () => this.#begin());
      this.#acting.carry.set(carry);
      this.taken++;
    }
    const last = open.at(-1)?.nextObservation;
    if (last?.some((x, i) => x !== observations[i])) {
      throw new RangeError('the environment does not do again what it did in the recorded episode');
    }
  }

  /** Has the agent decide once, to no effect. */
  async rehearse(): Promise<void> {
    const { agent } = this.#setting;
    const loop = new ActingLoop(agent, 'online', 'sampled', 1, 1);
    await loop.act(this.#steps.vector.observations, [this.#streams.acting.fork('rehearsal')]);
  }

  /** Decides by other weights from now on, where there are some. */
  takeOver(policy: Policy | undefined): void {
    if (!policy) return;
    this.#setting.agent.load([policy.state]);
    this.#policy = { update: policy.update, step: policy.step };
  }

  /** The answer to what is shown now. */
  async decide(): Promise<Answer> {
    const { agent, randomSteps } = this.#setting;
    const { taken } = this;
    const stream = (name: 'exploration' | 'acting') => this.#streams[name].fork(`${taken}`);
    if (taken < randomSteps) {
      return { actions: this.#random.next(() => stream('exploration')), random: 1, policy: this.#policy };
    }
    agent.aboutToCollect?.(taken);
    const actions = await this.#acting.act(this.#steps.vector.observations, [stream('acting')]);
    return { actions, random: 0, policy: this.#policy };
  }

  /** Acts by an answer from now on. */
  keepTo({ actions, ...answer }: Answer): void {
    this.#kept = { actions: actions.slice(), ...answer };
  }

  /** One step with the action that is kept to. */
  take(): Pick<ActedStep, keyof Step | 'random' | 'policy'> {
    const { actions, ...about } = this.#kept;
    this.taken++;
    return { ...this.#steps.take(actions, this.#acting.carry, () => this.#begin()), ...about };
  }

  /** The stream from which the episode that begins now starts; forgets the one before. */
  #begin(): RandomStream {
    this.#acting.forget(0);
    this.#random.release(0);
    return this.#streams.environment.fork(`${this.taken}`);
  }
}
