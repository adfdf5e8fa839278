import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
  visit,
  YAMLMap,
} from 'yaml';
import { UserError } from '../errors.ts';
import type { KeyPath } from './key-path.ts';

/** Where a value was written: `configs/dream.yaml:6:9` or `--set lambda=high`. The file's places come first. */
export interface Place {
  text: string;
  order: number;
}

/** What yaml calls an error, where our reader deserves plainer words. */
const plainWords: Partial<Record<string, string>> = {
  MULTIPLE_DOCS: 'a second YAML document starts here, keep one',
  TAB_AS_INDENT: 'a tab indents this line, use spaces',
  NON_STRING_KEY: 'a list or map stands where a key belongs',
  RESOURCE_EXHAUSTION: 'this is nested too deeply',
};

/** Characters of a config: room for 10,000 seeds of ten digits. YAML's reader needs seconds for a megabyte. */
export const LONGEST_CONFIG = 2 ** 17;
/** Keys of one map; the schema has fewer than a hundred. */
const MOST_KEYS = 1000;

/** Strict YAML 1.2. Aliases are refused: a config has no need of them, and they can hide or explode what is read. */
function parseStrictly(
  text: string,
  placeAt: (offset: number) => Place,
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
  if (first) throw new UserError(`${placeAt(first.offset).text}: ${first.words}`);
  visit(document, {
    Alias: (_, alias) => {
      const place = placeAt(alias.range?.[0] ?? 0).text;
      throw new UserError(`${place}: the alias *${alias.source} is not supported, write the value out`);
    },
  });
  return document;
}

/** A config file's YAML with command-line values laid over it, and the place where each value was written. */
export class ConfigSource {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;
  readonly #root: YAMLMap;
  /** The values that were laid over the file's. */
  readonly #overridden = new Map<Node, Place & { keyText: string }>();
  readonly #end: number;

  /**
   * @param file the name shown in messages
   * @param text the file's content
   * @throws UserError if the text is not one strict YAML map
   */
  constructor(file: string, text: string) {
    requireShort(text, file);
    this.#file = file;
    this.#end = text.length;
    this.#document = parseStrictly(text, (offset) => this.#inFile(offset), this.#lines);
    const root = this.#document.contents;
    if (root === null) throw new UserError(`${file} is empty, write at least \`method: …\` into it`);
    if (!isMap(root)) {
      throw new UserError(
        `${this.#inFile(root.range[0]).text}: expected keys with values, such as \`method: …\``,
      );
    }
    this.#root = root as YAMLMap;
  }

  /**
   * Lays a value over what the file says; later ones win.
   *
   * @param flag what the user typed, shown as the value's place
   * @param path the key, from the top
   * @param text the value in YAML; a node is taken as it is
   * @param keyFlag shown as the key's place, where that is another
   * @throws UserError if the text is not YAML, or if a name on the way to the key holds a value and no keys
   */
  override(flag: string, path: readonly string[], text: string | Node, keyFlag = flag): void {
    if (typeof text === 'string') requireShort(text, flag);
    const place = { text: flag, keyText: keyFlag, order: this.#end + 1 + this.#overridden.size };
    const value: Node =
      typeof text === 'string'
        ? (parseStrictly(text, () => place, new LineCounter()).contents ?? new Scalar(null))
        : text;
    let map = this.#root;
    for (const [depth, key] of path.slice(0, -1).entries()) {
      if (!map.has(key)) {
        const child = new YAMLMap();
        this.#overridden.set(child, place);
        map.set(key, child);
      }
      const child = map.get(key, true);
      if (!isMap(child)) {
        throw new UserError(
          `${flag}: ${path.slice(0, depth + 1).join('.')} holds a value and has no keys to set`,
        );
      }
      map = child as YAMLMap;
    }
    this.#overridden.set(value, place);
    map.set(path.at(-1), value);
  }

  /** Takes a key away. */
  remove(key: string): void {
    this.#root.delete(key);
  }

  /** What the user typed to lay a value over the key itself; undefined if nothing was. */
  flagOf(path: KeyPath): string | undefined {
    const node: unknown = this.#document.getIn(path, true);
    return isNode(node) ? this.#overridden.get(node)?.text : undefined;
  }

  /** The plain values, for the schema to judge. */
  values(): unknown {
    return this.#document.toJS();
  }

  /** Whether the user wrote the key. */
  has(path: KeyPath): boolean {
    return this.#document.hasIn(path);
  }

  /** Where the value at `path` was written or, if it was not, the innermost group around it. */
  place(path: KeyPath): Place {
    return this.#find(path, false);
  }

  /** Like `place`, of the key instead of its value. */
  keyPlace(path: KeyPath): Place {
    return this.#find(path, true);
  }

  #find(path: KeyPath, ofKey: boolean): Place {
    let node: Node = this.#root;
    let place = this.#inFile(node.range?.[0] ?? 0);
    let fromFile = true;
    for (const [depth, key] of path.entries()) {
      const child: unknown = isCollection(node) ? node.get(key, true) : undefined;
      if (!isNode(child)) break;
      const overridden = this.#overridden.get(child);
      if (overridden) {
        const { text, keyText, order } = overridden;
        place = { text: ofKey ? keyText : text, order };
        fromFile = false;
      } else if (fromFile) {
        const keyNode = ofKey && depth === path.length - 1 && isMap(node) ? keyOf(node, key) : undefined;
        place = this.#inFile((keyNode ?? child).range?.[0] ?? 0);
      }
      node = child;
    }
    return place;
  }

  #inFile(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { text: `${this.#file}:${line}:${col}`, order: offset };
  }
}

function requireShort(text: string, where: string): void {
  if (text.length <= LONGEST_CONFIG) return;
  throw new UserError(
    `${where}: ${text.length} characters are more than a config has, shorten it to ${LONGEST_CONFIG}`,
  );
}

/** `parseDocument`, which reads nested collections by recursion. @throws UserError when the stack ends before they do. */
function parse(
  text: string,
  placeAt: (offset: number) => Place,
  options: NonNullable<Parameters<typeof parseDocument>[1]>,
): Document.Parsed {
  try {
    return parseDocument(text, options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(`${placeAt(0).text}: ${plainWords.RESOURCE_EXHAUSTION}`);
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

function keyOf(map: YAMLMap, name: string | number): Node | undefined {
  const key = map.items.find((pair) => isScalar(pair.key) && pair.key.value === name)?.key;
  return isNode(key) ? key : undefined;
}
