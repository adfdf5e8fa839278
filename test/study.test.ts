import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const page = readFileSync(new URL('../docs/study.md', import.meta.url), 'utf8');

test('docs/study.md shows what its commands print', () => {
  const commands = [...page.matchAll(/^\$ node (--import tsx scripts\/.*)\n([\s\S]*?)^```/gm)];
  assert.ok(commands.length > 0);
  for (const [, command, shown] of commands) {
    assert.equal(execFileSync(process.execPath, command!.split(' '), { cwd: root, encoding: 'utf8' }), shown);
  }
});
