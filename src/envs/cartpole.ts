import type { RandomStream } from '../random/stream.ts';
import { type Drawing, disc, line, type Position, rectangle } from './drawing.ts';
import { type Action, type Environment, requireChoice, type StepResult } from './environment.ts';
import type { BoxSpace, DiscreteSpace } from './spaces.ts';

const gravity = 9.8;
const cartMass = 1.0;
const poleMass = 0.1;
const totalMass = poleMass + cartMass;
/** Half the pole's length. */
const length = 0.5;
const poleMassLength = poleMass * length;
const forceMagnitude = 10.0;
/** Seconds per step. */
const tau = 0.02;
const xLimit = 2.4;
/** 12 degrees, in radians. */
const thetaLimit = (12 * 2 * Math.PI) / 360;

/**
 * CartPole (Barto, Sutton and Anderson, 1983) as in Gymnasium 1.3.0, without its time limit: a pole on a cart, pushed
 * left (action 0) or right (action 1) with F = -10 or +10 N. State and observation: (x, ẋ, θ, θ̇), in m, m/s, rad, rad/s.
 *
 *     temp = (F + m l θ̇² sin θ) / M
 *     θ̈ = (g sin θ - cos θ temp) / (l (4/3 - m cos² θ / M))
 *     ẍ = temp - m l θ̈ cos θ / M
 *
 * with g = 9.8, pole mass m = 0.1, total mass M = 1.1, half length l = 0.5; then one explicit Euler step of 0.02 s:
 * (x, ẋ, θ, θ̇) += 0.02 (ẋ, ẍ, θ̇, θ̈). The order of the operations is Gymnasium's, so that the rounding agrees.
 * The reward is 1 on every step, the one that ends the episode included. The episode terminates at |x| > 2.4 or
 * |θ| > 12°. It starts with each variable uniform in [-0.05, 0.05).
 */
export class CartPole implements Environment {
  readonly observationSpace: BoxSpace = {
    kind: 'box',
    shape: [4],
    low: [-2 * xLimit, -Infinity, -2 * thetaLimit, -Infinity],
    high: [2 * xLimit, Infinity, 2 * thetaLimit, Infinity],
  };
  readonly actionSpace: DiscreteSpace = { kind: 'discrete', n: 2 };

  /** NaN before the first `reset`, so that no episode is open. */
  #x = NaN;
  #xDot = NaN;
  #theta = NaN;
  #thetaDot = NaN;

  reset(random: RandomStream): Float32Array {
    return this.setState(Array.from({ length: 4 }, () => -0.05 + 0.1 * random.uniform()));
  }

  step(action: Action): StepResult {
    const choice = requireChoice(this.actionSpace, action);
    if (!this.#withinLimits()) throw new Error('CartPole has no open episode: reset it before a step');
    const force = choice === 1 ? forceMagnitude : -forceMagnitude;
    const cosTheta = Math.cos(this.#theta);
    const sinTheta = Math.sin(this.#theta);
    const temp = (force + poleMassLength * (this.#thetaDot * this.#thetaDot) * sinTheta) / totalMass;
    const thetaAcceleration =
      (gravity * sinTheta - cosTheta * temp) /
      (length * (4 / 3 - (poleMass * (cosTheta * cosTheta)) / totalMass));
    const xAcceleration = temp - (poleMassLength * thetaAcceleration * cosTheta) / totalMass;

    this.#x += tau * this.#xDot;
    this.#xDot += tau * xAcceleration;
    this.#theta += tau * this.#thetaDot;
    this.#thetaDot += tau * thetaAcceleration;
    return { observation: this.#observe(), reward: 1, terminated: !this.#withinLimits(), truncated: false };
  }

  /** (x, ẋ, θ, θ̇). */
  state(): number[] {
    return [this.#x, this.#xDot, this.#theta, this.#thetaDot];
  }

  setState(state: readonly number[]): Float32Array {
    if (state.length !== 4 || !state.every(Number.isFinite)) {
      throw new RangeError(`CartPole's state has 4 finite numbers, got [${state.join(', ')}]`);
    }
    [this.#x, this.#xDot, this.#theta, this.#thetaDot] = state as [number, number, number, number];
    if (!this.#withinLimits()) throw new RangeError(`CartPole's episode has ended at [${state.join(', ')}]`);
    return this.#observe();
  }

  #observe(): Float32Array {
    return Float32Array.of(this.#x, this.#xDot, this.#theta, this.#thetaDot);
  }

  #withinLimits(): boolean {
    return Math.abs(this.#x) <= xLimit && Math.abs(this.#theta) <= thetaLimit;
  }
}

/** Why an episode terminated in this observation: the cart left the track, or else the pole fell. */
export function terminationCause(observation: ArrayLike<number>): string {
  return Math.abs(observation[0]!) > xLimit ? 'track' : 'pole';
}

/** A linear controller that balances the pole near the centre: push right where 0.15 x + 0.3 ẋ + 2 θ + 0.6 θ̇ > 0. */
export function balance(observation: ArrayLike<number>): Action {
  const [x, xDot, theta, thetaDot] = Array.from(observation) as [number, number, number, number];
  return Number(0.15 * x + 0.3 * xDot + 2 * theta + 0.6 * thetaDot > 0);
}

/** Where the pole turns, above the middle of the cart. */
const axle = 0.06;

/** The cart on its track, whose ends are the limits of x, and the pole, as long as it is, as Gymnasium draws them. */
export const cartPoleDrawing: Drawing = {
  view: { left: -2.6, bottom: -0.4, width: 5.2, height: 1.8 },
  stepsPerSecond: 50,
  draw: (observation) => {
    const [x, theta] = [observation[0]!, observation[2]!];
    const at: Position = [x, 0];
    const hinge: Position = [x, axle];
    return [
      { form: line([-xLimit, 0], [xLimit, 0], 0.02), ink: 'ground' },
      { form: line([-xLimit, -0.1], [-xLimit, 0.1], 0.02), ink: 'ground' },
      { form: line([xLimit, -0.1], [xLimit, 0.1], 0.02), ink: 'ground' },
      { form: rectangle([-0.2, -0.12], [0.2, 0.12]), ink: 'body', at },
      { form: line([0, 0], [0, 2 * length], 0.08), ink: 'limb', at: hinge, angle: -theta },
      { form: disc(0.04), ink: 'joint', at: hinge },
    ];
  },
};
