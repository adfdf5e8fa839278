import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  Pair,
  parseDocument,
  Scalar,
  visit,
  YAMLMap,
} from 'yaml';
import { UserError } from '../errors.ts';
import { dotted, type KeyPath } from './key-path.ts';

/** Where a value was written: `configs/dream.yaml:6:9` or `--set lambda=high`. The file's places come first. */
export interface Place {
  text: string;
  order: number;
}

/** Where a value was written that was laid over the file's, and its key. */
interface LaidPlace extends Place {
  keyText: string;
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
/** Parts of a dotted key; the schema's have two. */
const DEEPEST = 10;
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

/** A config file as it was read. */
interface Written {
  file: string;
  lines: LineCounter;
  document: Document.Parsed;
  /** Its length in characters. */
  end: number;
}

/** A config file's YAML with command-line values laid over it, and the place where each value was written. */
export class ConfigSource {
  readonly #written: Written;
  readonly #root: YAMLMap;
  /** The values that were laid over the file's. */
  readonly #overridden: Map<Node, LaidPlace>;

  private constructor(written: Written, root: YAMLMap, overridden: Map<Node, LaidPlace>) {
    this.#written = written;
    this.#root = root;
    this.#overridden = overridden;
  }

  /**
   * @param file the name shown in messages
   * @param text the file's content
   * @throws UserError if the text is not one strict YAML map
   */
  static parse(file: string, text: string): ConfigSource {
    requireShort(text, file);
    const lines = new LineCounter();
    const document = parseStrictly(text, (offset) => placeIn({ file, lines }, offset), lines);
    const root = document.contents;
    if (root === null) throw new UserError(`${file} is empty, write at least \`method: …\` into it`);
    if (!isMap(root)) {
      const { text: place } = placeIn({ file, lines }, root.range[0]);
      throw new UserError(`${place}: expected keys with values, such as \`method: …\``);
    }
    const source = new ConfigSource({ file, lines, document, end: text.length }, root as YAMLMap, new Map());
    source.#nestDottedKeys();
    return source;
  }

  /** A dotted key at the top, `critic.shapesModel: false`, is what it is on the command line and in a sweep. */
  #nestDottedKeys(): void {
    for (const { key, value } of [...this.#root.items]) {
      if (!isScalar<string>(key) || !key.value.includes('.')) continue;
      const path = key.value.split('.');
      const keyPlace = this.#inFile(key.range?.[0] ?? 0);
      this.#root.delete(key);
      if (this.has(path)) {
        throw new UserError(
          `${keyPlace.text}: ${dotted(path)} is already set at ${this.keyPlace(path).text}, keep one of the two`,
        );
      }
      const node = isNode(value) ? value : new Scalar(null);
      const { text } = node.range ? this.#inFile(node.range[0]) : keyPlace;
      this.#lay({ text, keyText: keyPlace.text, order: keyPlace.order }, path, node);
    }
  }

  /** The same source, to lay other values over: neither sees what the other is given. What stays the same is shared. */
  fork(): ConfigSource {
    return new ConfigSource(this.#written, shallowCopy(this.#root), new Map(this.#overridden));
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
    const place = { text: flag, keyText: keyFlag, order: this.#written.end + 1 + this.#overridden.size };
    const value: Node =
      typeof text === 'string'
        ? (parseStrictly(text, () => place, new LineCounter()).contents ?? new Scalar(null))
        : text;
    this.#lay(place, path, value);
  }

  /** Sets a value that follows from the one at `origin`, and shares its place. */
  derive(path: readonly string[], value: Node, origin: KeyPath): void {
    const { text, order } = this.place(origin);
    this.#lay({ text, keyText: this.keyPlace(origin).text, order }, path, value);
  }

  #lay(place: LaidPlace, path: readonly string[], value: Node): void {
    if (path.length > DEEPEST) throw new UserError(`${place.text}: ${plainWords.RESOURCE_EXHAUSTION}`);
    let map = this.#root;
    for (const [depth, key] of path.slice(0, -1).entries()) {
      const child = map.has(key) ? map.get(key, true) : new YAMLMap();
      if (!isMap(child)) {
        const name = dotted(path.slice(0, depth + 1));
        throw new UserError(`${place.text}: ${name} holds a value and has no keys to set`);
      }
      // A copy, because a fork may share the map.
      const own = shallowCopy(child);
      const origin = map.has(key) ? this.#overridden.get(child) : place;
      if (origin) this.#overridden.set(own, origin);
      map.set(key, own);
      map = own;
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
    const node: unknown = this.#root.getIn(path, true);
    const place = isNode(node) ? this.#overridden.get(node) : undefined;
    return place && !this.#isInFile(place) ? place.text : undefined;
  }

  #isInFile({ order }: Place): boolean {
    return order <= this.#written.end;
  }

  /** The plain values, for the schema to judge. */
  values(): Record<string, unknown> {
    return this.#root.toJS(this.#written.document);
  }

  /** Whether the user wrote the key. */
  has(path: KeyPath): boolean {
    return this.#root.hasIn(path);
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
        fromFile = this.#isInFile(place);
      } else if (fromFile) {
        const keyNode = ofKey && depth === path.length - 1 && isMap(node) ? keyOf(node, key) : undefined;
        place = this.#inFile((keyNode ?? child).range?.[0] ?? 0);
      }
      node = child;
    }
    return place;
  }

  #inFile(offset: number): Place {
    return placeIn(this.#written, offset);
  }
}

function placeIn({ file, lines }: Pick<Written, 'file' | 'lines'>, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { text: `${file}:${line}:${col}`, order: offset };
}

/** A map with keys and values of its own that are the same nodes. */
function shallowCopy(map: YAMLMap): YAMLMap {
  const copy = new YAMLMap(map.schema);
  copy.items = map.items.map(({ key, value }) => new Pair(key, value));
  if (map.range) copy.range = map.range;
  return copy;
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
