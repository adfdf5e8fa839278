import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDocument, visit } from 'yaml';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { loadSweep } from '../src/config/sweep.ts';

/**
 * What a plain scalar is in YAML 1.1, from the type repository (yaml.org/type) in the form that PyYAML has it, which is
 * the stricter one for floats and timestamps; the repository's single-letter booleans are added.
 */
const yaml11: [kind: string, pattern: RegExp][] = [
  ['bool', /^(y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/],
  ['null', /^(~|null|Null|NULL|)$/],
  [
    'int',
    /^([-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+)$/,
  ],
  [
    'float',
    /^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/,
  ],
  [
    'timestamp',
    /^(\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?([Tt]|[ \t]+)\d\d?:\d\d:\d\d(\.\d*)?([ \t]*(Z|[-+]\d\d?(:\d\d)?))?)$/,
  ],
  ['merge', /^<<$/],
  ['value', /^=$/],
];

const kind11 = (text: string) => yaml11.find(([, pattern]) => pattern.test(text))?.[0] ?? 'str';

test('the rules of YAML 1.1 are those of PyYAML', () => {
  // Recorded from PyYAML 6.0.3: the type of yaml.safe_load(text).
  const recorded: Record<string, string> = {
    str: '1e-7 1e+21 5e-324 1e3 12e03 1.0e5 0o10 008 2020-1-1 world-model lambda=1e-7',
    float: '1.0e-7 1.0e+21 1.5e-9 5.0e-324 0.1 1. .5 00.5 1:30.5',
    int: '10 -0 010 0_ 0x1f 0b11 1_000 1:30',
    bool: 'yes No on OFF true True',
    null: 'null ~',
    timestamp: '2020-01-01 2001-12-14t21:59:43',
  };
  for (const [kind, texts] of Object.entries(recorded))
    for (const text of texts.split(' ')) assert.equal(kind11(text), kind, text);
});

/** The plain scalars of a config, keys too, with what YAML 1.2 takes each for. */
function plainScalars(text: string): { source: string; value: unknown }[] {
  const found: { source: string; value: unknown }[] = [];
  visit(parseDocument(text, { schema: 'core' }), {
    Scalar: (_, node) => {
      if (node.type === 'PLAIN') found.push({ source: node.source!, value: node.value });
    },
  });
  return found;
}

/** Whether both versions of YAML take a plain scalar for the same. */
function assertPortable({ source, value }: { source: string; value: unknown }): void {
  const kind = kind11(source);
  if (typeof value === 'string') assert.equal(kind, 'str', source);
  else if (typeof value === 'boolean') assert.match(source, /^(true|false)$/);
  else {
    assert.ok(kind === 'int' || kind === 'float', `${source} is a ${kind}`);
    // Beyond these forms, a leading zero or a colon makes it another number.
    assert.match(source, /^-?(0|[1-9][0-9]*)(\.[0-9]+(e[-+][0-9]+)?)?$/);
    assert.equal(Number(source), value);
  }
}

test('a config as written reads the same in YAML 1.1 and 1.2', () => {
  const weight = fc.oneof(
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(1e-7, 5e-324, 1e21, 1e22, 1.5e-9, 1e300, 0.1, 3),
  );
  const name = fc.oneof(
    fc.constantFrom(
      ...'yes no on off y n Y null true 010 0o10 0x1f 0_ 0b1 1_000 1e-7 1e3 12e03 5 -5 0.5 5.0 2020-01-01 2020-1-1 - ---'.split(
        ' ',
      ),
    ),
    fc.stringMatching(/^[0-9_-][0-9eEx_.-]{0,8}[0-9]$/),
    fc.stringMatching(/^[A-Za-z0-9_-]([A-Za-z0-9._=,-]{0,20}[A-Za-z0-9_])?$/),
  );
  fc.assert(
    fc.property(name, weight, weight, (name, lambda, to) => {
      const method = 'vae-lstm';
      const beta = { from: 1, to, over: 9 };
      const text = JSON.stringify({ method, name, lambda, beta });
      const scalars = plainScalars(formatExperiment(loadExperiment({ file: 'c.yaml', text })));
      assert.ok(scalars.length > 60);
      scalars.forEach(assertPortable);
      const sweep = JSON.stringify({ method, name, beta, sweep: { lambda: [lambda], 'beta.to': [to] } });
      plainScalars(loadSweep({ file: 's.yaml', text: sweep }).text).forEach(assertPortable);
    }),
    { seed: 1, numRuns: 100 },
  );
});
