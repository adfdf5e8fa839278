import { join } from 'node:path';
import { actionSize } from '../envs/spaces.ts';
import { emptyActions } from '../training/actions.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import { emptyObservations } from '../training/observations.ts';
import type { ActedStep, ActedSteps } from '../training/real-time/acted-step.ts';
import { RecordLog } from './record-log.ts';

/** In a seed's folder. */
export const EXPERIENCE_FILE = 'experience.records';

/** Bytes before the arrays of a record. */
const FIXED = 32;

/** What fixes the arrays of a step. */
type StepForm = Pick<AgentSpaces, 'observation' | 'bytes' | 'actionSpace'>;

/**
 * The steps of a seed that acts in real time, as they were taken: `seed-N/experience.records`. A record, little-endian:
 *
 *   f64 time; f32 reward, response; u32 updates and steps behind the policy;
 *   u8 before, late, random, first, terminated, ended, 0, 0;
 *   action (i32 or f32); carry (f32); observation and next observation (f32, or u8 where they are bytes)
 */
export class ExperienceLog implements ActedSteps {
  readonly #log: RecordLog;
  readonly #form: StepForm;
  readonly #carry: number;
  readonly #bytes: number;

  /** Touches nothing. @param carry numbers that the agent carries */
  constructor(dir: string, form: StepForm, carry: number) {
    this.#form = form;
    this.#carry = carry;
    const width = actionSize(form.actionSpace);
    const observation = emptyObservations(form, 1).byteLength;
    this.#bytes = FIXED + 4 * width + 4 * carry + 2 * observation;
    const about = { what: 'experience', action: 4 * width, carry: 4 * carry, observation };
    this.#log = new RecordLog(join(dir, EXPERIENCE_FILE), about, this.#bytes);
  }

  get length(): number {
    return this.#log.length;
  }

  openToAppend(): void {
    this.#log.openToAppend();
  }

  append(step: ActedStep): void {
    const record = new Uint8Array(this.#bytes);
    const view = new DataView(record.buffer);
    view.setFloat64(0, step.time, true);
    view.setFloat32(8, step.reward[0]!, true);
    view.setFloat32(12, step.response, true);
    view.setUint32(16, step.policy.update, true);
    view.setUint32(20, step.policy.step, true);
    record.set([step.before, step.late, step.random], 24);
    record.set([step.first[0]!, step.terminated[0]!, step.ended[0]!], 27);
    const { action, carry, observation, nextObservation } = this.#arrays(record.buffer);
    action.set(step.action);
    carry.set(step.carry);
    observation.set(step.observation);
    nextObservation.set(step.nextObservation);
    this.#log.append(record);
  }

  at(index: number): ActedStep {
    const record = this.#log.read(index);
    const view = new DataView(record.buffer, record.byteOffset);
    const { action, carry, observation, nextObservation } = this.#arrays(record.slice().buffer);
    const flag = (at: number) => record.slice(at, at + 1);
    return {
      time: view.getFloat64(0, true),
      reward: Float32Array.of(view.getFloat32(8, true)),
      response: view.getFloat32(12, true),
      policy: { update: view.getUint32(16, true), step: view.getUint32(20, true) },
      before: record[24]!,
      late: record[25]!,
      random: record[26]!,
      first: flag(27),
      terminated: flag(28),
      ended: flag(29),
      action,
      carry,
      observation: Float32Array.from(observation),
      nextObservation: Float32Array.from(nextObservation),
    };
  }

  /** The steps of the episode that is open at the end, from its first on; none where the last one ended. */
  openEpisode(): ActedStep[] {
    const steps: ActedStep[] = [];
    for (let index = this.length - 1; index >= 0; index--) {
      const step = this.at(index);
      if (steps.length === 0 && step.ended[0] === 1) break;
      steps.unshift(step);
      if (step.first[0] === 1) break;
    }
    return steps;
  }

  sync(): void {
    this.#log.sync();
  }

  close(): void {
    this.#log.close();
  }

  /** The arrays of a record: views. */
  #arrays(buffer: ArrayBuffer) {
    const { actionSpace } = this.#form;
    const actions = emptyActions(actionSpace, 1);
    const observations = emptyObservations(this.#form, 1);
    const carryAt = FIXED + actions.byteLength;
    const observationAt = carryAt + 4 * this.#carry;
    const observationsOf = (at: number) =>
      observations instanceof Uint8Array
        ? new Uint8Array(buffer, at, observations.length)
        : new Float32Array(buffer, at, observations.length);
    return {
      action:
        actions instanceof Int32Array
          ? new Int32Array(buffer, FIXED, actions.length)
          : new Float32Array(buffer, FIXED, actions.length),
      carry: new Float32Array(buffer, carryAt, this.#carry),
      observation: observationsOf(observationAt),
      nextObservation: observationsOf(observationAt + observations.byteLength),
    };
  }
}
