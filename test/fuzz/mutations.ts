import fc from 'fast-check';

/** One change of a file's bytes. Positions are fractions of the length, so that they fit every file. */
type Mutation = (bytes: Uint8Array) => Uint8Array;

/** What readers of YAML, JSON, CSV and safetensors have stumbled over somewhere. */
const TOKENS = [
  ...[
    '',
    ' ',
    '\n',
    '\r',
    '\r\n',
    '\t',
    '\0',
    '\u001b[31m',
    '\u009b31m',
    '\u202e',
    '\u2028',
    '\ufeff',
    '\u{1f4a5}',
  ],
  ...[
    '"',
    "'",
    '\\',
    '`',
    ',',
    ';',
    ':',
    ': ',
    '- ',
    '? ',
    '#',
    ' #',
    '|',
    '>',
    '>-',
    '%',
    '@',
    '!',
    '&',
    '*',
  ],
  ...[
    '[',
    ']',
    '{',
    '}',
    '[[[[',
    '{a: {a: ',
    '&a [*a]',
    '*a',
    '&a',
    '<<: *a',
    '!!js/function "x"',
    '!!binary aaaa',
  ],
  ...[
    '!!python/object/apply:os.system ["x"]',
    '%YAML 1.1\n---\n',
    '%TAG ! x\n---\n',
    '---\n',
    '...\n',
    '!!set {a}',
  ],
  ...[
    'NaN',
    'nan',
    '.nan',
    'Infinity',
    '-Infinity',
    '.inf',
    '-.inf',
    '1e999',
    '-1e999',
    '1e-999',
    '-0',
    '0x10',
  ],
  ...[
    '0',
    '-1',
    '1.5',
    '2147483648',
    '4294967296',
    '9007199254740993',
    '99999999999999999999',
    '1'.repeat(400),
  ],
  ...['null', '~', 'true', 'yes', 'undefined', '2001-01-01', '1:2:3', '1_000', '\u0661'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '"__proto__": {"x": 1}, '],
  ...['../../x', '/etc/x', 'C:\\x', 'CON', 'nul.txt', 'a.', 'a ', '.', '..', '~', '$(x)', '`x`', '%s'],
  ...[
    'method',
    'name',
    'seeds',
    'steps',
    'model',
    'critic',
    'schemaVersion',
    'status',
    'env_step',
    'data_offsets',
  ],
  ...['stopWhen', 'distractors', 'sittings', 'worker', 'baseline', 'critic.shapesModel', '0-9', '0..9'],
].map((token) => Buffer.from(token));

const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (bytes: Uint8Array, fraction: number) => Math.floor(fraction * bytes.length);
const token = fc.oneof(
  fc.constantFrom(...TOKENS),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
);

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const utf8 = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

function replace(bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);
}

/** A scalar of a text file: a number or a word, the likeliest place for a wrong value. */
function scalarAfter(bytes: Uint8Array, fraction: number): [number, number] {
  const text = latin1(bytes);
  const pattern = /[\w.+-]+/g;
  pattern.lastIndex = at(bytes, fraction);
  const match = pattern.exec(text) ?? /[\w.+-]*/.exec(text)!;
  return [match.index, match.index + match[0].length];
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(place, token).map(
      ([p, t]): Mutation =>
        (b) =>
          replace(b, ...scalarAfter(b, p), t),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, token).map(
      ([p, t]): Mutation =>
        (b) =>
          replace(b, at(b, p), at(b, p), t),
    ),
  },
  fc.tuple(place, fc.nat(7)).map(
    ([p, bit]): Mutation =>
      (b) => {
        const copy = Buffer.from(b);
        if (copy.length > 0) copy[Math.min(at(b, p), copy.length - 1)]! ^= 1 << bit;
        return copy;
      },
  ),
  fc.tuple(place, place).map(
    ([p, q]): Mutation =>
      (b) => {
        const [from, to] = [at(b, Math.min(p, q)), at(b, Math.max(p, q))];
        return replace(b, from, to, Buffer.alloc(0));
      },
  ),
  place.map(
    (p): Mutation =>
      (b) =>
        b.subarray(0, at(b, p)),
  ),
  fc.tuple(place, fc.nat(64), fc.integer({ min: 2, max: 300 })).map(
    ([p, length, times]): Mutation =>
      (b) => {
        const piece = b.subarray(at(b, p), at(b, p) + length);
        return replace(b, at(b, p), at(b, p), Buffer.concat(Array.from({ length: times }, () => piece)));
      },
  ),
  fc.tuple(place, token, fc.integer({ min: 1000, max: 60_000 })).map(
    ([p, t, times]): Mutation =>
      (b) => {
        const many = Buffer.concat(Array.from({ length: Math.min(times, 60_000 / (t.length + 1)) }, () => t));
        return replace(b, at(b, p), at(b, p), many);
      },
  ),
  fc.constantFrom<Mutation>(
    (b) => Buffer.concat([Buffer.from('\ufeff'), b]),
    (b) => Buffer.from(latin1(b).replaceAll('\n', '\r\n'), 'latin1'),
    (b) => Buffer.from(latin1(b).replaceAll('\n', '\r'), 'latin1'),
    (b) => Buffer.from(`\ufeff${utf8(b)}`, 'utf16le'),
    (b) => Buffer.from(utf8(b), 'utf16le').swap16(),
    (b) => Buffer.from(utf8(b).replaceAll(/[a-z]/g, (letter) => letter.toUpperCase())),
    (b) => Buffer.concat([b, b]),
  ),
);

/** Longer inputs only take longer. */
const LONGEST = 400_000;

/** One of `originals` after one to five mutations. */
export function mutationsOf(originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 5 });
  return fc.tuple(fc.constantFrom(...originals), mutations).map(([original, mutations]) => {
    let bytes = original;
    for (const mutate of mutations) bytes = mutate(bytes).subarray(0, LONGEST);
    return bytes;
  });
}

/** Text from the same tokens, without any original. */
export const tokenSoup: fc.Arbitrary<Uint8Array> = fc
  .array(token, { maxLength: 60 })
  .map((tokens) => Buffer.concat(tokens));
