import { type Document, isScalar, type LineCounter, parseDocument, visit } from 'yaml';
import { UserError } from '../errors.ts';

/** What is said of keys within keys without end. */
export const TOO_DEEP = 'this is nested too deeply';

/** What yaml calls an error, where our reader deserves plainer words. */
const plainWords: Partial<Record<string, string>> = {
  MULTIPLE_DOCS: 'a second YAML document starts here, keep one',
  TAB_AS_INDENT: 'a tab indents this line, use spaces',
  NON_STRING_KEY: 'a list or map stands where a key belongs',
  RESOURCE_EXHAUSTION: TOO_DEEP,
  BLOCK_AS_IMPLICIT_KEY:
    'the lines below are indented further than this value allows: indent keys of one map alike, and put a map that a key holds on lines of its own',
  MULTILINE_IMPLICIT_KEY:
    'this line is no key and its value: write "key: value", with a space after the colon',
};

/** Keys of one map; the schema has fewer than a hundred. */
const MOST_KEYS = 1000;

/**
 * Strict YAML 1.2. Aliases are refused: a config has no need of them, and they can hide or explode what is read.
 *
 * @param placeAt the place of an offset, as messages show it
 * @throws UserError naming the first mistake by its place
 */
export function parseStrictly(
  text: string,
  placeAt: (offset: number) => string,
  lineCounter: LineCounter,
): Document.Parsed {
  const document = parse(text, placeAt, {
    lineCounter,
    prettyErrors: false,
    stringKeys: true,
    // Its own check compares every key with every other one: `excessKeys` does the same in one pass.
    uniqueKeys: false,
    // A %YAML 1.1 line would otherwise bring back `yes` for true, merge keys and dates.
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
  });
  const problems = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
    offset: pos[0],
    words: plainWords[code] ?? `this is not valid YAML (${message})`,
  }));
  problems.push(...excessKeys(document));
  const first = problems.sort((a, b) => a.offset - b.offset)[0];
  if (first) throw new UserError(`${placeAt(first.offset)}: ${first.words}`);
  visit(document, {
    Alias: (_, alias) => {
      const place = placeAt(alias.range?.[0] ?? 0);
      throw new UserError(`${place}: the alias *${alias.source} is not supported, write the value out`);
    },
  });
  return document;
}

/** `parseDocument`, which reads nested collections by recursion. @throws UserError when the stack ends before they do. */
function parse(
  text: string,
  placeAt: (offset: number) => string,
  options: NonNullable<Parameters<typeof parseDocument>[1]>,
): Document.Parsed {
  try {
    return parseDocument(text, options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(`${placeAt(0)}: ${TOO_DEEP}`);
  }
}

/** Every key that its map has already, and the first one of a map that has too many. */
function excessKeys(document: Document.Parsed): { offset: number; words: string }[] {
  const found: { offset: number; words: string }[] = [];
  visit(document, {
    Map: (_, map) => {
      const known = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const offset = key.range?.[0] ?? 0;
        if (known.has(key.value)) {
          found.push({ offset, words: 'this key is already set above, keep one of the two' });
        }
        known.add(key.value);
        if (known.size > MOST_KEYS) {
          found.push({ offset, words: `this map has more than ${MOST_KEYS} keys, remove some` });
          return visit.BREAK;
        }
      }
      return undefined;
    },
  });
  return found;
}
