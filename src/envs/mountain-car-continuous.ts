import type { RandomStream } from '../random/stream.ts';
import type { Drawing } from './drawing.ts';
import { type Action, type Environment, requireNumbers, type StepResult } from './environment.ts';
import { mountainDrawing } from './mountain-drawing.ts';
import type { BoxSpace } from './spaces.ts';

const power = 0.0015;
const gravity = 0.0025;
const minPosition = -1.2;
const maxPosition = 0.6;
const maxSpeed = 0.07;
const goal = 0.45;

/**
 * MountainCar with a continuous force a in [-1, 1], as in Gymnasium 1.3.0, without its time limit; a force beyond the
 * bounds acts as the nearest within, but costs what it is. State and observation: (x, v).
 *
 *     v += 0.0015 a - 0.0025 cos 3x, clipped to ±0.07
 *     x += v, clipped to [-1.2, 0.6]; at the left end the car stands still: v = 0 where v < 0
 *
 * The reward is -0.1 a², and 100 more on the step that ends the episode. The episode terminates at x >= 0.45 with v >= 0.
 * It starts with x uniform in [-0.6, -0.4) and v = 0.
 *
 * The rounding is NumPy's: Gymnasium keeps (x, v) in float32, and a step from there is float32 but for the cosine; the
 * start is float64, and so is the first step. Which of the two a state is shows in whether x is a float32 number
 * (about one start in 10^9 is one by chance, and its first step may then differ from Gymnasium's in a last bit).
 */
export class MountainCarContinuous implements Environment {
  readonly observationSpace: BoxSpace = {
    kind: 'box',
    shape: [2],
    low: [Math.fround(minPosition), -Math.fround(maxSpeed)],
    high: [Math.fround(maxPosition), Math.fround(maxSpeed)],
  };
  readonly actionSpace: BoxSpace = { kind: 'box', shape: [1], low: [-1], high: [1] };

  /** NaN before the first `reset`, so that no episode is open. */
  #x = NaN;
  #v = NaN;

  reset(random: RandomStream): Float32Array {
    return this.setState([-0.6 + 0.2 * random.uniform(), 0]);
  }

  step(action: Action): StepResult {
    const a = requireNumbers(this.actionSpace, action)[0]!;
    if (Number.isNaN(this.#x) || atGoal(this.#x, this.#v)) {
      throw new Error('MountainCarContinuous has no open episode: reset it before a step');
    }
    const isFloat32 = this.#x === Math.fround(this.#x);
    const round = (value: number) => (isFloat32 ? Math.fround(value) : value);
    const slope = gravity * Math.cos(round(3 * this.#x));
    // A force within the bounds is float32 and makes the acceleration so; a clipped one is float64.
    const acceleration =
      Math.abs(a) <= 1
        ? Math.fround(Math.fround(a * Math.fround(power)) - Math.fround(slope))
        : Math.sign(a) * power - slope;
    // NumPy rounds what it adds to a float32 to float32 before.
    let v = round(this.#v + round(acceleration));
    v = Math.min(Math.max(v, round(-maxSpeed)), round(maxSpeed));
    let x = round(this.#x + v);
    x = Math.min(Math.max(x, round(minPosition)), round(maxPosition));
    if (x === round(minPosition) && v < 0) v = 0;
    const terminated = x >= round(goal) && v >= 0;
    [this.#x, this.#v] = [Math.fround(x), Math.fround(v)];
    const reward = (terminated ? 100 : 0) - a * a * 0.1;
    return { observation: this.#observe(), reward, terminated, truncated: false };
  }

  /** (x, v). */
  state(): number[] {
    return [this.#x, this.#v];
  }

  setState(state: readonly number[]): Float32Array {
    if (state.length !== 2 || !state.every(Number.isFinite)) {
      throw new RangeError(`MountainCarContinuous's state has 2 finite numbers, got [${state.join(', ')}]`);
    }
    [this.#x, this.#v] = state as [number, number];
    if (atGoal(this.#x, this.#v)) {
      throw new RangeError(`MountainCarContinuous's episode has ended at [${state.join(', ')}]`);
    }
    return this.#observe();
  }

  #observe(): Float32Array {
    return Float32Array.of(this.#x, this.#v);
  }
}

/** Whether a state after a step is at the goal. */
function atGoal(x: number, v: number): boolean {
  return x >= Math.fround(goal) && v >= 0;
}

/** A controller that swings the car up: a force of 0.6 along its motion, little more than it needs. */
export function climbGently(observation: ArrayLike<number>): Action {
  return Float32Array.of(observation[1]! >= 0 ? 0.6 : -0.6);
}

export const mountainCarContinuousDrawing: Drawing = mountainDrawing(goal);
