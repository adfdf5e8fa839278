import type { RandomStream } from '../random/stream.ts';
import { type Drawing, disc, line } from './drawing.ts';
import { type Action, type Environment, requireNumbers, type StepResult } from './environment.ts';
import { sin } from './sine.ts';
import type { BoxSpace } from './spaces.ts';

const gravity = 10;
/** Seconds per step. */
const tau = 0.05;
const maxSpeed = 8;
const maxTorque = 2;

/**
 * Pendulum as in Gymnasium 1.3.0, without its time limit: a rod, hinged at one end, is to be swung up and held by a torque
 * u in [-2, 2] N m at the hinge, too weak to lift it at once; a torque beyond the bounds acts and costs as the nearest
 * within. State: (θ, θ̇) in rad and rad/s, θ from upright and not wrapped. Observation: (cos θ, sin θ, θ̇).
 *
 *     reward = -(wrapped θ² + 0.1 θ̇² + 0.001 u²), θ wrapped into [-π, π), before the step
 *     θ̇ += 0.05 (3g/2l sin θ + 3/(m l²) u), clipped to ±8
 *     θ += 0.05 θ̇
 *
 * with g = 10 and mass m and length l 1. No state ends the episode. It starts with θ uniform in [-π, π) and θ̇ in [-1, 1).
 *
 * The rounding is Gymnasium's: what it makes of the float32 action alone is float32, the rest float64. The sine is
 * rounded exactly, because the reward shows its last bit.
 */
export class Pendulum implements Environment {
  readonly observationSpace: BoxSpace = {
    kind: 'box',
    shape: [3],
    low: [-1, -1, -maxSpeed],
    high: [1, 1, maxSpeed],
  };
  readonly actionSpace: BoxSpace = { kind: 'box', shape: [1], low: [-maxTorque], high: [maxTorque] };

  /** NaN before the first `reset`, so that no episode is open. */
  #theta = NaN;
  #thetaDot = NaN;

  reset(random: RandomStream): Float32Array {
    return this.setState([-Math.PI + 2 * Math.PI * random.uniform(), -1 + 2 * random.uniform()]);
  }

  step(action: Action): StepResult {
    const torque = requireNumbers(this.actionSpace, action)[0]!;
    if (Number.isNaN(this.#theta)) throw new Error('Pendulum has no open episode: reset it before a step');
    const u = Math.min(Math.max(torque, -maxTorque), maxTorque);
    const angle = wrap(this.#theta);
    const effort = Math.fround(Math.fround(0.001) * Math.fround(u * u));
    const reward = -(angle * angle + 0.1 * (this.#thetaDot * this.#thetaDot) + effort);

    const acceleration = ((3 * gravity) / 2) * sin(this.#theta) + Math.fround(3 * u);
    this.#thetaDot = Math.min(Math.max(this.#thetaDot + acceleration * tau, -maxSpeed), maxSpeed);
    this.#theta += this.#thetaDot * tau;
    return { observation: this.#observe(), reward, terminated: false, truncated: false };
  }

  /** (θ, θ̇). */
  state(): number[] {
    return [this.#theta, this.#thetaDot];
  }

  setState(state: readonly number[]): Float32Array {
    if (state.length !== 2 || !state.every(Number.isFinite)) {
      throw new RangeError(`Pendulum's state has 2 finite numbers, got [${state.join(', ')}]`);
    }
    [this.#theta, this.#thetaDot] = state as [number, number];
    return this.#observe();
  }

  #observe(): Float32Array {
    return Float32Array.of(Math.cos(this.#theta), Math.sin(this.#theta), this.#thetaDot);
  }
}

/** An angle less whole turns, in [-π, π). */
function wrap(angle: number): number {
  const turn = 2 * Math.PI;
  const rest = (angle + Math.PI) % turn;
  return (rest < 0 ? rest + turn : rest) - Math.PI;
}

/**
 * A controller that swings the pendulum up and holds it: within 0.5 rad of upright u = -(10 θ + 3 θ̇); elsewhere along its
 * motion, in proportion to what its energy E = θ̇²/2 + 15 (cos θ - 1) lacks of standing upright (Åström and Furuta, 2000).
 */
export function swingUp(observation: ArrayLike<number>): Action {
  const [cosTheta, sinTheta, thetaDot] = Array.from(observation) as [number, number, number];
  const theta = Math.atan2(sinTheta, cosTheta);
  const energy = thetaDot ** 2 / 2 + 15 * (cosTheta - 1);
  const torque = Math.abs(theta) < 0.5 ? -(10 * theta + 3 * thetaDot) : thetaDot >= 0 ? -energy : energy;
  return Float32Array.of(Math.min(Math.max(torque, -maxTorque), maxTorque));
}

/**
 * The rod, upright at θ = 0 and turning left from there, and its hinge, as Gymnasium draws them. Of a sine and a cosine
 * that belong to no angle, as in a dream, the direction counts.
 */
export const pendulumDrawing: Drawing = {
  view: { left: -1.3, bottom: -1.3, width: 2.6, height: 2.6 },
  stepsPerSecond: 30,
  draw: (observation) => [
    { form: line([0, 0], [0, 1], 0.2), ink: 'limb', angle: Math.atan2(observation[1]!, observation[0]!) },
    { form: disc(0.05), ink: 'joint' },
  ],
};
