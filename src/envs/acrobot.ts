import type { RandomStream } from '../random/stream.ts';
import { type Drawing, disc, line, type Position } from './drawing.ts';
import { type Action, type Environment, requireChoice, type StepResult } from './environment.ts';
import type { BoxSpace, DiscreteSpace } from './spaces.ts';

const gravity = 9.8;
/** Where a link's centre of mass is: half its length of 1 m. Each link has the mass 1 kg and the moment of inertia 1 kg m². */
const centre = 0.5;
/** Seconds per step. */
const tau = 0.2;
const maxVelocity1 = 4 * Math.PI;
const maxVelocity2 = 9 * Math.PI;

/** (θ1, θ2, θ̇1, θ̇2), or their rates of change. */
type Vector4 = readonly [number, number, number, number];

/**
 * Acrobot (Sutton, 1996) as in Gymnasium 1.3.0, without its time limit: two links hang from a fixed point, and a torque
 * τ of -1, 0 or +1 N m (action 0, 1, 2) on the joint between them is to swing the lower end above a height of 1 m.
 * State: (θ1, θ2, θ̇1, θ̇2) in rad and rad/s, θ1 from hanging down, θ2 of the second link relative to the first.
 * Observation: (cos θ1, sin θ1, cos θ2, sin θ2, θ̇1, θ̇2).
 *
 *     d1 = lc² + (1 + lc² + 2 lc cos θ2) + 2
 *     d2 = lc² + lc cos θ2 + 1
 *     φ2 = lc g cos(θ1 + θ2 - π/2)
 *     φ1 = -lc θ̇2² sin θ2 - 2 lc θ̇2 θ̇1 sin θ2 + (lc + 1) g cos(θ1 - π/2) + φ2
 *     θ̈2 = (τ + d2/d1 φ1 - lc θ̇1² sin θ2 - φ2) / (lc² + 1 - d2²/d1)
 *     θ̈1 = -(d2 θ̈2 + φ1) / d1
 *
 * with g = 9.8, lc = 0.5 and masses, lengths and moments of inertia 1; then one step of 0.2 s by the fourth-order
 * method of Runge and Kutta. Afterwards θ1 and θ2 are wrapped into [-π, π], θ̇1 is clipped to ±4π and θ̇2 to ±9π. The
 * order of the operations is Gymnasium's, so that the rounding agrees.
 * The reward is -1 on every step but the one that ends the episode, which gives 0. The episode terminates when
 * -cos θ1 - cos(θ1 + θ2) > 1. It starts with each variable uniform in [-0.1, 0.1), rounded to float32.
 */
export class Acrobot implements Environment {
  readonly observationSpace: BoxSpace = {
    kind: 'box',
    shape: [6],
    low: [-1, -1, -1, -1, -Math.fround(maxVelocity1), -Math.fround(maxVelocity2)],
    high: [1, 1, 1, 1, Math.fround(maxVelocity1), Math.fround(maxVelocity2)],
  };
  readonly actionSpace: DiscreteSpace = { kind: 'discrete', n: 3 };

  /** NaN before the first `reset`, so that no episode is open. */
  #state: Vector4 = [NaN, NaN, NaN, NaN];

  reset(random: RandomStream): Float32Array {
    return this.setState(Array.from({ length: 4 }, () => Math.fround(-0.1 + 0.2 * random.uniform())));
  }

  step(action: Action): StepResult {
    const torque = requireChoice(this.actionSpace, action) - 1;
    if (!this.#isOpen()) throw new Error('Acrobot has no open episode: reset it before a step');
    const [theta1, theta2, theta1Dot, theta2Dot] = rungeKutta(this.#state, torque);
    this.#state = [
      wrap(theta1),
      wrap(theta2),
      Math.min(Math.max(theta1Dot, -maxVelocity1), maxVelocity1),
      Math.min(Math.max(theta2Dot, -maxVelocity2), maxVelocity2),
    ];
    const terminated = !this.#isOpen();
    return { observation: this.#observe(), reward: terminated ? 0 : -1, terminated, truncated: false };
  }

  /** (θ1, θ2, θ̇1, θ̇2). */
  state(): number[] {
    return [...this.#state];
  }

  setState(state: readonly number[]): Float32Array {
    if (state.length !== 4 || !state.every(Number.isFinite)) {
      throw new RangeError(`Acrobot's state has 4 finite numbers, got [${state.join(', ')}]`);
    }
    const [theta1, theta2, theta1Dot, theta2Dot] = state as Vector4;
    this.#state = [theta1, theta2, theta1Dot, theta2Dot];
    if (!this.#isOpen()) throw new RangeError(`Acrobot's episode has ended at [${state.join(', ')}]`);
    return this.#observe();
  }

  #observe(): Float32Array {
    const [theta1, theta2, theta1Dot, theta2Dot] = this.#state;
    return Float32Array.of(
      Math.cos(theta1),
      Math.sin(theta1),
      Math.cos(theta2),
      Math.sin(theta2),
      theta1Dot,
      theta2Dot,
    );
  }

  #isOpen(): boolean {
    const [theta1, theta2] = this.#state;
    return -Math.cos(theta1) - Math.cos(theta2 + theta1) <= 1;
  }
}

/** The rates of change of a state under a torque. */
function derivative([theta1, theta2, theta1Dot, theta2Dot]: Vector4, torque: number): Vector4 {
  const cosTheta2 = Math.cos(theta2);
  const sinTheta2 = Math.sin(theta2);
  const d1 = centre ** 2 + (1 + centre ** 2 + 2 * centre * cosTheta2) + 1 + 1;
  const d2 = centre ** 2 + centre * cosTheta2 + 1;
  const phi2 = centre * gravity * Math.cos(theta1 + theta2 - Math.PI / 2);
  const phi1 =
    -centre * (theta2Dot * theta2Dot) * sinTheta2 -
    2 * centre * theta2Dot * theta1Dot * sinTheta2 +
    (centre + 1) * gravity * Math.cos(theta1 - Math.PI / 2) +
    phi2;
  const theta2Acceleration =
    (torque + (d2 / d1) * phi1 - centre * (theta1Dot * theta1Dot) * sinTheta2 - phi2) /
    (centre ** 2 + 1 - (d2 * d2) / d1);
  const theta1Acceleration = -(d2 * theta2Acceleration + phi1) / d1;
  return [theta1Dot, theta2Dot, theta1Acceleration, theta2Acceleration];
}

/** The state one step later: y + τ/6 (k1 + 2 k2 + 2 k3 + k4). */
function rungeKutta(y: Vector4, torque: number): Vector4 {
  const k1 = derivative(y, torque);
  const k2 = derivative(moved(y, tau / 2, k1), torque);
  const k3 = derivative(moved(y, tau / 2, k2), torque);
  const k4 = derivative(moved(y, tau, k3), torque);
  const slope = (i: 0 | 1 | 2 | 3) => k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i];
  return moved(y, tau / 6, [slope(0), slope(1), slope(2), slope(3)]);
}

/** y + time × rates. */
function moved(y: Vector4, time: number, rates: Vector4): Vector4 {
  return [y[0] + time * rates[0], y[1] + time * rates[1], y[2] + time * rates[2], y[3] + time * rates[3]];
}

/** An angle plus whole turns, in [-π, π]. */
function wrap(angle: number): number {
  let wrapped = angle;
  while (wrapped > Math.PI) wrapped -= 2 * Math.PI;
  while (wrapped < -Math.PI) wrapped += 2 * Math.PI;
  return wrapped;
}

/** A controller that pumps energy into the swing: a torque against θ̇1, which the second link's reaction turns into motion. */
export function swing(observation: ArrayLike<number>): Action {
  return observation[4]! > 0 ? 0 : 2;
}

/** A link of 1 m, from its joint to the right. */
const link = line([0, 0], [1, 0], 0.15);
const origin: Position = [0, 0];

/**
 * The two links, hanging down at θ1 = θ2 = 0, and the line above which the lower end is to swing, as Gymnasium draws them.
 * Of a sine and a cosine that belong to no angle, as in a dream, the direction counts.
 */
export const acrobotDrawing: Drawing = {
  view: { left: -2.2, bottom: -2.2, width: 4.4, height: 4.4 },
  stepsPerSecond: 15,
  draw: (observation) => {
    const [cosTheta1, sinTheta1, cosTheta2, sinTheta2] = Array.from(observation) as [
      number,
      number,
      number,
      number,
    ];
    const upper = Math.atan2(sinTheta1, cosTheta1) - Math.PI / 2;
    const lower = upper + Math.atan2(sinTheta2, cosTheta2);
    const elbow: Position = [Math.cos(upper), Math.sin(upper)];
    return [
      { form: line([-2.2, 1], [2.2, 1], 0.03), ink: 'goal' },
      { form: link, ink: 'limb', at: origin, angle: upper },
      { form: link, ink: 'limb', at: elbow, angle: lower },
      { form: disc(0.1), ink: 'joint', at: origin },
      { form: disc(0.1), ink: 'joint', at: elbow },
    ];
  },
};
