import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MinMax } from '../src/planning/mcts/min-max.ts';
import { Search } from '../src/planning/mcts/search.ts';
import { consideredVisits } from '../src/planning/mcts/sequential-halving.ts';
import { type SearchSettings, searchSettings } from '../src/planning/mcts/settings.ts';
import type { SearchTree } from '../src/planning/mcts/tree.ts';
import { RandomStream } from '../src/random/stream.ts';
import { fillNoise } from '../src/training/acting.ts';
import { reference } from './support/reference.ts';
import { searchedTable, type TableModel } from './support/table-model.ts';
import { assertClose } from './support/tensors.ts';

interface Tree {
  state: number[];
  parent: number[];
  action: number[];
  visits: number[];
  value: number[];
}

const settings = (keys: object): SearchSettings => searchSettings.parse(keys);
const NOTHING = new Float32Array();

/** What a tree holds under its root `root`. */
function treeUnder(tree: SearchTree, root: number): Tree {
  const [from, to] = [root * tree.nodes, (root + 1) * tree.nodes];
  const own = (x: Int32Array | Float32Array | Float64Array) => [...x.subarray(from, to)];
  return {
    state: own(tree.latent),
    parent: own(tree.parent),
    action: own(tree.action),
    visits: own(tree.visits),
    value: own(tree.value),
  };
}

/** Asserts that a tree is another one, its values within rounding of noise to float32. */
function assertTree(found: Tree, wanted: Tree, what: string) {
  for (const part of ['state', 'parent', 'action', 'visits'] as const) {
    assert.deepEqual(found[part], wanted[part], `${part} of ${what}`);
  }
  assertClose(found.value, wanted.value, 1e-9, what);
}

describe('tree search', () => {
  test('pUCT builds the trees of the reference, as MuZero does and as mctx does', async () => {
    const { models, cases } = reference<{
      models: TableModel[];
      cases: {
        model: number;
        root: number;
        sims: number;
        variant: 'paper' | 'mctx';
        dirichlet: number[];
        fraction: number;
        result: { rootVisits: number[]; policy: number[]; rootValue: number; tree: Tree };
      }[];
    }>('puct.json.gz', 'muzero');
    assert.equal(cases.length, 22);
    for (const [i, { model, root, sims, variant, dirichlet, fraction, result }] of cases.entries()) {
      const table = searchedTable(models[model]!);
      const search = new Search(
        settings({
          ...{ name: 'puct', simulations: sims, dirichletFraction: fraction },
          normalised: variant === 'paper' ? 'tree' : 'node',
        }),
      );
      // Another root beside it, which it must not see.
      const roots = [(root + 1) % models[model]!.S, root];
      const one = [...dirichlet.map(Math.log), ...dirichlet.map(() => 0)];
      const noise = fraction > 0 ? Float32Array.from([...one.toReversed(), ...one]) : NOTHING;
      const found = await search.run(table, 2, table.roots(roots), { noise, temperature: 1 });
      assert.equal(table.calls, sims);
      const { A } = models[model]!;
      const what = `case ${i}`;
      assertTree(treeUnder(search.tree(2), 1), result.tree, what);
      assertClose(found.policy.subarray(A), result.policy, 1e-6, what);
      assertClose([found.value[1]!], [result.rootValue], 1e-6, what);
    }
  });

  test('the Gumbel search builds the trees of the reference, with its policy, value and action', async () => {
    const { models, cases } = reference<{
      models: TableModel[];
      cases: {
        model: number;
        root: number;
        sims: number;
        maxConsidered: number;
        gumbel: number[];
        cVisit: number;
        cScale: number;
        rescale: boolean;
        result: {
          improvedPolicy: number[];
          action: number;
          rootValue: number;
          policyValue: number;
          tree: Tree;
        };
      }[];
    }>('gumbel.json.gz', 'muzero');
    assert.equal(cases.length, 28);
    for (const [i, one] of cases.entries()) {
      const { S, A } = models[one.model]!;
      const { result } = one;
      for (const rootValue of ['mean', 'improved'] as const) {
        const table = searchedTable(models[one.model]!);
        const search = new Search(
          settings({
            ...{ name: 'gumbel', simulations: one.sims, considered: one.maxConsidered, rootValue },
            ...{ visitOffset: one.cVisit, valueScale: one.cScale, rescaled: one.rescale, rangeFloor: 0 },
          }),
        );
        const roots = table.roots([(one.root + 1) % S, one.root]);
        const noise = Float32Array.from([...one.gumbel.toReversed(), ...one.gumbel]);
        const isGreedy = one.gumbel.every((x) => x === 0);
        const options = { noise: isGreedy ? NOTHING : noise, temperature: 1 };
        const found = await search.run(table, 2, roots, options);
        const what = `case ${i}`;
        assertTree(treeUnder(search.tree(2), 1), result.tree, what);
        assertClose(found.policy.subarray(A), result.improvedPolicy, 1e-6, what);
        assert.equal(found.action[1], result.action, what);
        const wanted = rootValue === 'mean' ? result.rootValue : result.policyValue;
        assertClose([found.value[1]!], [wanted], 1e-6, what);
      }
    }
  });

  test('sequential halving is the table of the reference', () => {
    const { sequentialHalving } = reference<{
      sequentialHalving: { m: number; n: number; sequence: number[] }[];
    }>('gumbel.json.gz', 'muzero');
    for (const { m, n, sequence } of sequentialHalving) {
      assert.deepEqual([...consideredVisits(m, n)], sequence, `${m} candidates, ${n} simulations`);
    }
  });

  test('min-max statistics are those of the reference, a soft range among them', () => {
    const runs = reference<
      {
        softDelta: number;
        rows: { update: number; min: number; max: number; normalized: { x: number; y: number }[] }[];
      }[]
    >('minmax.json', 'muzero');
    for (const { softDelta, rows } of runs) {
      const statistics = new MinMax(2, softDelta);
      statistics.reset(0);
      statistics.reset(1);
      statistics.include(0, -1e6);
      for (const { update, min, max, normalized } of rows) {
        statistics.include(1, update);
        assert.deepEqual([statistics.least[1], statistics.largest[1]], [min, max]);
        for (const { x, y } of normalized) assertClose([statistics.normalised(1, x)], [y], 1e-12);
      }
    }
  });

  test('what a search finds follows from its roots and its noise, however often and beside what it is made', async () => {
    const random = RandomStream.named(1, 'tables');
    await fc.assert(
      fc.asyncProperty(anySearch, async ({ table, keys, noisy }) => {
        const model = searchedTable(table);
        const roots = [...table.value.keys()];
        const A = table.A;
        const search = new Search(keys);
        const noises = noisy ? (keys.name === 'puct' ? 2 : 1) * A : 0;
        const noise = fillNoise(
          random,
          { distribution: 'gumbel', size: 1 },
          new Float32Array(roots.length * noises),
        );
        const run = (by: Search, of: number[], ownNoise: Float32Array) =>
          by.run(model, of.length, model.roots(of), { noise: ownNoise, temperature: 0.5 });
        const found = structuredClone(await run(search, roots, noise));
        const trees = roots.map((root) => treeUnder(search.tree(roots.length), root));
        for (const [root, { visits, parent, value }] of trees.entries()) {
          const policy = found.policy.subarray(root * A, (root + 1) * A);
          assert.ok(Math.abs(policy.reduce((a, b) => a + b, 0) - 1) < 1e-5);
          assert.ok(policy.every((p) => p >= 0));
          assert.ok(found.action[root]! >= 0 && found.action[root]! < A);
          // Every simulation passes through the root, and every node's visits are its own and its children's.
          const own = keys.name === 'gumbel' || keys.normalised === 'node' ? 1 : 0;
          assert.equal(visits[0], keys.simulations + own);
          for (const [node, count] of visits.entries()) {
            const below = visits.reduce((sum, n, i) => sum + (parent[i] === node ? n : 0), 0);
            assert.equal(count, below + (node === 0 ? own : 1));
          }
          // No value lies beyond what the least and the largest reward and value could add up to.
          const bound = keys.simulations + 1;
          assert.ok(value.every((x) => Math.abs(x) <= bound + 1e-9));
          // Nor is it another one in a search by itself.
          const alone = new Search(keys);
          const ofOne = await run(alone, [root], noise.subarray(root * noises, (root + 1) * noises));
          assert.deepEqual(treeUnder(alone.tree(1), 0), trees[root]);
          assert.deepEqual([...ofOne.policy], [...policy]);
          assert.equal(ofOne.action[0], found.action[root]);
        }
        assert.deepEqual(await run(search, roots, noise), found);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test('searches under as many roots allocate no arrays after the first', async () => {
    const [roots, A] = [64, 8];
    const rows = RandomStream.named(3, 'rows').fillUniform(new Float32Array(roots * (1 + A + 3)));
    const model = { latentSize: 1, actions: A, step: async () => rows };
    const noise = RandomStream.named(4, 'noise').fillUniform(new Float32Array(2 * roots * A));
    for (const name of ['puct', 'gumbel'] as const) {
      const search = new Search(settings({ name, simulations: 16 }));
      const run = () => search.run(model, roots, rows, { noise, temperature: 0.5 });
      const found = await run();
      // Freed arrays count until they are collected, so that one more of this size in a search would show.
      const before = process.memoryUsage().arrayBuffers;
      for (let i = 0; i < 20; i++) assert.equal(await run(), found);
      const more = process.memoryUsage().arrayBuffers - before;
      assert.ok(more <= 0, `${name}: ${more} bytes more`);
    }
  });

  test('what lies beyond an end counts nothing', async () => {
    // Two states: either action ends the episode with the reward 0.25, and the value there is far off.
    const table: TableModel = {
      ...{
        S: 2,
        A: 2,
        value: [0, 1000],
        next: [
          [1, 1],
          [1, 1],
        ],
        reward: [
          [0.25, 0.25],
          [7, 7],
        ],
      },
      ...{
        discount: [
          [0, 0],
          [0, 0],
        ],
        logits: [
          [0, 1],
          [0, 0],
        ],
      },
    };
    for (const keys of [{ name: 'gumbel', rootValue: 'improved' }, { name: 'puct' }]) {
      const search = new Search(settings({ ...keys, simulations: 9 }));
      const model = searchedTable(table);
      const found = await search.run(model, 1, model.roots([0]), { noise: NOTHING, temperature: 0 });
      assert.equal(found.value[0], 0.25);
    }
  });

  test('of equal actions the first is taken, and of one the only one', async () => {
    for (const name of ['gumbel', 'puct']) {
      for (const A of [1, 3]) {
        const same = Array<number>(A).fill(0);
        const model = searchedTable({
          ...{ S: 1, A, value: [0], next: [same], reward: [same], discount: [same], logits: [same] },
        });
        const search = new Search(settings({ name, simulations: 4 }));
        const found = await search.run(model, 1, model.roots([0]), { noise: NOTHING, temperature: 0 });
        assert.equal(found.action[0], 0);
        assert.equal(search.tree(1).action[1], 0);
      }
    }
  });

  test('pUCT samples by the visits at a temperature, and takes the most visited at 0', async () => {
    const table: TableModel = {
      ...{ S: 1, A: 3, value: [0], next: [[0, 0, 0]], reward: [[0.2, 0.5, 0]], discount: [[0.5, 0.5, 0.5]] },
      logits: [[0, 0, 0]],
    };
    const model = searchedTable(table);
    const search = new Search(settings({ name: 'puct', simulations: 20, dirichletFraction: 0 }));
    const random = RandomStream.named(2, 'visits');
    const count = 1500;
    const gumbels = random.fillGumbel(new Float32Array(count * 6));
    const roots = model.roots(Array<number>(count).fill(0));
    const found = await search.run(model, count, roots, { noise: gumbels, temperature: 0.5 });
    const powers = [...found.policy.subarray(0, 3)].map((p) => p ** 2);
    const sum = powers.reduce((a, b) => a + b, 0);
    for (const [action, power] of powers.entries()) {
      const share = found.action.filter((a) => a === action).length / count;
      assert.ok(Math.abs(share - power / sum) < 0.05, `${share} of ${power / sum}`);
    }
    const sure = await search.run(model, count, roots, { noise: gumbels, temperature: 0 });
    assert.ok(sure.action.every((a) => a === 1));
  });

  test('Dirichlet noise has the mean and the variance of its distribution, however small its α', () => {
    for (const alpha of [0.03, 0.25, 4]) {
      const [count, size] = [6000, 3];
      const logs = fillNoise(
        RandomStream.named(3, 'gamma'),
        { distribution: 'log-gamma', size, shape: alpha },
        new Float32Array(count * size),
      );
      assert.ok(logs.every(Number.isFinite));
      const first: number[] = [];
      for (let i = 0; i < count; i++) {
        const own = [...logs.subarray(i * size, (i + 1) * size)];
        const largest = Math.max(...own);
        const powers = own.map((x) => Math.exp(x - largest));
        first.push(powers[0]! / powers.reduce((a, b) => a + b, 0));
      }
      const mean = first.reduce((a, b) => a + b, 0) / count;
      const variance = first.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count;
      // Of a symmetric Dirichlet distribution: 1 / K and (1 / K) (1 − 1 / K) / (K α + 1).
      const wanted = ((1 / size) * (1 - 1 / size)) / (size * alpha + 1);
      assert.ok(Math.abs(mean - 1 / size) < 0.02, `mean ${mean}`);
      assert.ok(Math.abs(variance - wanted) < 0.08 * wanted, `variance ${variance} of ${wanted}`);
    }
  });
});

/** A table of rewards and values within ±1 and a search in it. */
const anySearch = fc
  .record({ S: fc.integer({ min: 1, max: 5 }), A: fc.integer({ min: 1, max: 4 }) })
  .chain(({ S, A }) => {
    const perState = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: S, maxLength: S });
    const perAction = <T>(of: fc.Arbitrary<T>) => perState(fc.array(of, { minLength: A, maxLength: A }));
    const number = (most: number) => fc.double({ min: -most, max: most, noNaN: true });
    const table: fc.Arbitrary<TableModel> = fc.record({
      S: fc.constant(S),
      A: fc.constant(A),
      next: perAction(fc.integer({ min: 0, max: S - 1 })),
      reward: perAction(number(1)),
      discount: perAction(fc.constantFrom(0, 0.9, 1)),
      logits: perAction(number(5)),
      value: perState(number(1)),
    });
    const keys = fc.record({
      name: fc.constantFrom('gumbel', 'puct'),
      simulations: fc.integer({ min: 1, max: 12 }),
      rangeFloor: fc.constantFrom(0, 0.5),
    });
    const puct = fc.constantFrom({ normalised: 'tree' }, { normalised: 'node' });
    const gumbel = fc.constantFrom({ considered: 1 }, { considered: 2 }, {});
    return fc.record({
      table,
      keys: fc
        .tuple(keys, puct, gumbel)
        .map(([common, ofPuct, ofGumbel]) =>
          settings({ ...common, ...(common.name === 'puct' ? ofPuct : ofGumbel) }),
        ),
      noisy: fc.boolean(),
    });
  });
