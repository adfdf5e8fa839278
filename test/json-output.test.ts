import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInTurn } from './support/program.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8');

const words = (text: string) => [...text.matchAll(/`(\w+)`/g)].map(([, word]) => word!);

/** What the page says that a command prints: the keys of the first level, and those of each entry of a list. */
function told(command: string) {
  const row = page.split('\n').find((line) => line.startsWith(`| \`${command}\` |`));
  assert.ok(row, `docs/metrics.md does not tell of ${command}`);
  const cell = row.split('|')[2]!;
  const lists = [...cell.matchAll(/`(\w+)` \(each ([^)]*)\)/g)];
  return {
    isList: cell.startsWith(' a list, each '),
    keys: words(cell.replaceAll(/\([^)]*\)|;.*/g, '')),
    within: new Map(lists.map(([, key, keys]) => [key!, words(keys!)])),
  };
}

/** Commands that read what is published. */
const commands: Record<string, string[]> = {
  'wm list': ['runs/table1'],
  'wm status': ['runs/table1'],
  'wm compare': ['runs/table1/baseline', 'runs/table1/dream-critic'],
  'wm compare --effect': ['critic.shapesModel', 'runs/bench/shaping-pendulum'],
  'wm compare --leaderboard': ['runs/bench/leaderboard-breakout'],
  'wm gradients': ['runs/sweeps/gradients'],
  'wm config show': ['pets.yaml'],
  'wm configs': [],
  'wm environments': [],
  'wm methods': [],
  'wm engines': [],
};

test('docs/metrics.md tells the keys that --json prints', async () => {
  const answers = await runInTurn(
    Object.entries(commands).map(([command, args]) => ({
      cwd: root,
      args: [...command.split(' ').slice(1), ...args, '--json'],
    })),
  );
  for (const [index, command] of Object.keys(commands).entries()) {
    const { code, stdout, stderr } = answers[index]!;
    assert.equal(code, 0, `${command}: ${stderr}`);
    const printed = JSON.parse(stdout);
    const { isList, keys, within } = told(command);
    assert.equal(Array.isArray(printed), isList, command);
    assert.deepEqual(Object.keys(isList ? printed[0] : printed), keys, command);
    for (const [key, entryKeys] of within) {
      assert.deepEqual(Object.keys(printed[key][0]), entryKeys, `${command}: ${key}`);
    }
  }
});
