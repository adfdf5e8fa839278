import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  Pair,
  Scalar,
  YAMLMap,
} from 'yaml';
import { UserError } from '../errors.ts';
import { dotted, type KeyPath } from './key-path.ts';
import { parseStrictly, TOO_DEEP } from './strict-yaml.ts';

/** What says a value: the config's file, a preset, the name of an arm, or the command with its options and variables. */
export type Writer = 'file' | 'preset' | 'arm' | 'command';

/** Where a value was written: `configs/dream.yaml:6:9` or `--set lambda=high`. The file's places come first. */
export interface Place {
  text: string;
  order: number;
  writer: Writer;
}

/** Where a value was written that was laid over the file's, and its key. */
interface LaidPlace extends Place {
  keyText: string;
}

/** Characters of a config: room for 10,000 seeds of ten digits. YAML's reader needs seconds for a megabyte. */
export const LONGEST_CONFIG = 2 ** 17;
/** Parts of a dotted key; the schema's have two. */
const DEEPEST = 10;

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
  #root: YAMLMap;
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
   * @param least what such a file holds at least
   * @throws UserError if the text is not one strict YAML map
   */
  static parse(file: string, text: string, least = 'method: …'): ConfigSource {
    requireShort(text, file);
    const lines = new LineCounter();
    const document = parseStrictly(text, (offset) => placeIn({ file, lines }, offset).text, lines);
    const root = document.contents;
    if (root === null) throw new UserError(`${file} is empty, write at least \`${least}\` into it`);
    if (!isMap(root)) {
      const { text: place } = placeIn({ file, lines }, root.range[0]);
      throw new UserError(`${place}: expected keys with values, such as \`${least}\``);
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
      this.#lay({ ...keyPlace, text, keyText: keyPlace.text }, path, node);
    }
  }

  /**
   * Lays presets under and over what the file says, each over the one before: maps are merged, key by key, and all else
   * is replaced. What presets say is written where they say it.
   *
   * @param under what the file's own values win over
   * @param over what wins over them
   */
  layPresets(under: readonly ConfigSource[], over: readonly ConfigSource[]): void {
    const { range } = this.#root;
    const layers = [...under, this, ...over];
    for (const layer of layers) layer.#eachNode((node, path) => this.#register(node, layer, path));
    this.#root = layers.map((layer) => layer.#root).reduce((below, above) => this.#merge(below, above));
    this.#root.range = range ?? null;
  }

  /** Every value below the root with its path. */
  #eachNode(visitor: (node: Node, path: KeyPath) => void): void {
    const walk = (node: Node, path: KeyPath) => {
      if (path.length > 0) visitor(node, path);
      if (isMap<Scalar<string> | string>(node)) {
        for (const { key, value } of node.items) {
          // Keys that were laid over the file are bare.
          if (isNode(value)) walk(value, [...path, isScalar(key) ? key.value : key]);
        }
      } else if (isCollection(node)) {
        for (const [index, item] of node.items.entries()) if (isNode(item)) walk(item, [...path, index]);
      }
    };
    walk(this.#root, []);
  }

  /** Keeps where a value was written, so that it is known wherever the value comes to stand. */
  #register(node: Node, layer: ConfigSource, path: KeyPath): void {
    const [place, keyText] = [layer.place(path), layer.keyPlace(path).text];
    const laid: LaidPlace =
      layer === this ? { ...place, keyText } : this.#next('preset', place.text, keyText);
    this.#overridden.set(node, laid);
  }

  /** A place after all others. */
  #next(writer: Writer, text: string, keyText: string): LaidPlace {
    return { text, keyText, order: this.#written.end + 1 + this.#overridden.size, writer };
  }

  #merge(below: YAMLMap, above: YAMLMap): YAMLMap {
    const merged = shallowCopy(above);
    const place = this.#overridden.get(above);
    if (place) this.#overridden.set(merged, place);
    for (const { key, value } of below.items) {
      const own = above.get(key, true);
      if (!above.has(key)) merged.items.push(new Pair(key, value));
      else if (isMap(value) && isMap(own)) merged.set(key, this.#merge(value as YAMLMap, own as YAMLMap));
    }
    return merged;
  }

  /** The same source, to lay other values over: neither sees what the other is given. What stays the same is shared. */
  fork(): ConfigSource {
    return new ConfigSource(this.#written, shallowCopy(this.#root), new Map(this.#overridden));
  }

  /** The map at `path` as a source of its own, whose places stay those in the file. */
  at(path: KeyPath): ConfigSource {
    const node: unknown = this.#root.getIn(path, true);
    if (!isMap(node)) throw new Error(`no map at ${dotted(path)}`);
    return new ConfigSource(this.#written, shallowCopy(node as YAMLMap), new Map(this.#overridden));
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
    const place = this.#next('command', flag, keyFlag);
    const value: Node =
      typeof text === 'string'
        ? (parseStrictly(text, () => flag, new LineCounter()).contents ?? new Scalar(null))
        : text;
    this.#lay(place, path, value);
  }

  /** Sets a value that follows from the arm's name at `origin`, and shares its place. */
  derive(path: readonly string[], value: Node, origin: KeyPath): void {
    const keyText = this.keyPlace(origin).text;
    this.#lay({ ...this.place(origin), keyText, writer: 'arm' }, path, value);
  }

  #lay(place: LaidPlace, path: readonly string[], value: Node): void {
    if (path.length > DEEPEST) throw new UserError(`${place.text}: ${TOO_DEEP}`);
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
    return place?.writer === 'command' ? place.text : undefined;
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
        const { text, keyText, order, writer } = overridden;
        place = { text: ofKey ? keyText : text, order, writer };
        fromFile = writer === 'file';
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
  return { text: `${file}:${line}:${col}`, order: offset, writer: 'file' };
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

function keyOf(map: YAMLMap, name: string | number): Node | undefined {
  const key = map.items.find((pair) => isScalar(pair.key) && pair.key.value === name)?.key;
  return isNode(key) ? key : undefined;
}
