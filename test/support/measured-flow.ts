import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { ParameterLayout } from '../../src/nn/parameters.ts';
import { type Flow, type FlowRow, GradientFlow } from '../../src/training/gradient-flow.ts';

/** What is measured of one member, by `term module`. */
export type Measured = Map<string, FlowRow>;

/** Measures every third of five updates from the same inputs: what is found, of every member. */
export async function measured<Inputs extends object>(
  members: number,
  inputs: Inputs,
  measure: (inputs: Inputs) => Flow,
): Promise<Measured[]> {
  const flow = new GradientFlow(members, measure);
  flow.start(3);
  tf.tidy(() => {
    for (let update = 1; update <= 5; update++) flow.measure(update, inputs);
  });
  const rows = await flow.drain();
  assert.deepEqual([...new Set(rows.flat().map(({ update }) => update))], [3]);
  assert.deepEqual(
    await flow.drain(),
    rows.map(() => []),
  );
  flow.dispose();
  return rows.map((own) => new Map(own.map((row) => [`${row.term} ${row.module}`, row])));
}

/**
 * Asserts that norms and cosines are those of some gradients.
 *
 * @param layout of the world model's parameters
 * @param gradients of one member, [size], by term; the critic's among them
 */
export function assertMeasured(
  found: Measured,
  layout: ParameterLayout,
  gradients: Record<string, Float32Array>,
  limit = 2e-3,
): void {
  const modules = [...new Set(layout.specs.map(({ name }) => name.split('.')[0]!)), 'all'];
  const inner = (a: Float32Array, b: Float32Array, module: string) => {
    const [one, other] = [layout.views(a), layout.views(b)];
    return one.reduce(
      (sum, { name, values }, i) =>
        module === 'all' || name.startsWith(`${module}.`)
          ? values.reduce((inside, x, j) => inside + x * other[i]!.values[j]!, sum)
          : sum,
      0,
    );
  };
  const norm = (flat: Float32Array, module: string) => Math.sqrt(inner(flat, flat, module));
  const critic = gradients.critic!;
  for (const [term, gradient] of Object.entries(gradients)) {
    for (const module of modules) {
      const row = found.get(`${term} ${module}`);
      const wanted = norm(gradient, module);
      const what = `${term} ${module}`;
      // Of differences, what is 0 is as small as the whole is rounded.
      const rounding = limit * norm(gradient, 'all');
      if (!row) assert.ok(wanted <= rounding, `${what} is missing, ${wanted}`);
      else
        assert.ok(
          Math.abs(row.norm - wanted) <= limit * wanted + rounding,
          `${what}: ${row.norm}, not ${wanted}`,
        );
      const other = norm(critic, module);
      if (!row || term === 'critic' || row.cosine === null || wanted < 10 * rounding) continue;
      const cosine = inner(gradient, critic, module) / (wanted * other);
      assert.ok(
        Math.abs(row.cosine - cosine) <= 5 * limit,
        `cosine of ${what}: ${row.cosine}, not ${cosine}`,
      );
    }
  }
}
