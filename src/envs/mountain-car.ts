import type { RandomStream } from '../random/stream.ts';
import type { Drawing } from './drawing.ts';
import { type Action, type Environment, requireChoice, type StepResult } from './environment.ts';
import { mountainDrawing } from './mountain-drawing.ts';
import type { BoxSpace, DiscreteSpace } from './spaces.ts';

const force = 0.001;
const gravity = 0.0025;
const minPosition = -1.2;
const maxPosition = 0.6;
const maxSpeed = 0.07;
const goal = 0.5;

/**
 * MountainCar (Moore, 1990) as in Gymnasium 1.3.0, without its time limit: a car in a valley, too weak to climb out of it
 * without a swing, accelerates left, not at all or right (action a = 0, 1, 2). State and observation: (x, v).
 *
 *     v += 0.001 (a - 1) - 0.0025 cos 3x, clipped to ±0.07
 *     x += v, clipped to [-1.2, 0.6]; at the left end the car stands still: v = 0 where v < 0
 *
 * The reward is -1 on every step, the one that ends the episode included. The episode terminates at x >= 0.5 with v >= 0.
 * It starts with x uniform in [-0.6, -0.4) and v = 0.
 */
export class MountainCar implements Environment {
  readonly observationSpace: BoxSpace = {
    kind: 'box',
    shape: [2],
    low: [Math.fround(minPosition), -Math.fround(maxSpeed)],
    high: [Math.fround(maxPosition), Math.fround(maxSpeed)],
  };
  readonly actionSpace: DiscreteSpace = { kind: 'discrete', n: 3 };

  /** NaN before the first `reset`, so that no episode is open. */
  #x = NaN;
  #v = NaN;

  reset(random: RandomStream): Float32Array {
    return this.setState([-0.6 + 0.2 * random.uniform(), 0]);
  }

  step(action: Action): StepResult {
    const choice = requireChoice(this.actionSpace, action);
    if (Number.isNaN(this.#x) || this.#atGoal()) {
      throw new Error('MountainCar has no open episode: reset it before a step');
    }
    const acceleration = (choice - 1) * force + Math.cos(3 * this.#x) * -gravity;
    this.#v = Math.min(Math.max(this.#v + acceleration, -maxSpeed), maxSpeed);
    this.#x = Math.min(Math.max(this.#x + this.#v, minPosition), maxPosition);
    if (this.#x === minPosition && this.#v < 0) this.#v = 0;
    return { observation: this.#observe(), reward: -1, terminated: this.#atGoal(), truncated: false };
  }

  /** (x, v). */
  state(): number[] {
    return [this.#x, this.#v];
  }

  setState(state: readonly number[]): Float32Array {
    if (state.length !== 2 || !state.every(Number.isFinite)) {
      throw new RangeError(`MountainCar's state has 2 finite numbers, got [${state.join(', ')}]`);
    }
    [this.#x, this.#v] = state as [number, number];
    if (this.#atGoal()) throw new RangeError(`MountainCar's episode has ended at [${state.join(', ')}]`);
    return this.#observe();
  }

  #observe(): Float32Array {
    return Float32Array.of(this.#x, this.#v);
  }

  #atGoal(): boolean {
    return this.#x >= goal && this.#v >= 0;
  }
}

/**
 * A controller that swings the car up: right while its speed lies in a band that depends on where it is, left otherwise
 * (the closed form of Xiao, "Reinforcement Learning: Theory and Python Implementation").
 */
export function climb(observation: ArrayLike<number>): Action {
  const [x, v] = Array.from(observation) as [number, number];
  const least = Math.min(-0.09 * (x + 0.25) ** 2 + 0.03, 0.3 * (x + 0.9) ** 4 - 0.008);
  const most = -0.07 * (x + 0.38) ** 2 + 0.07;
  return v > least && v < most ? 2 : 0;
}

export const mountainCarDrawing: Drawing = mountainDrawing(goal);
