import type { AgentSpaces } from './agent-spaces.ts';
import type { Column } from './ring.ts';

/** Observations of a row of steps, raw units: bytes where that is all they hold, a quarter of the memory. */
export type Observations = Float32Array | Uint8Array;

/** What fixes how observations are kept. */
export type ObservationForm = Pick<AgentSpaces, 'observation' | 'bytes'>;

/** Room for the observations of so many steps. */
export function emptyObservations({ observation, bytes }: ObservationForm, steps: number): Observations {
  const length = steps * observation;
  return bytes ? new Uint8Array(length) : new Float32Array(length);
}

/** The column of a ring that holds observations. */
export const observationColumn = (form: ObservationForm): Column => ({
  width: form.observation,
  hasAxis: true,
  make: (rows) => emptyObservations(form, rows),
});
