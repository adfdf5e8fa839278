import type { Attribute, Binding, Handle, Values } from './binding.ts';
import { concat, float, integer, message } from './protobuf.ts';

/** Version of the graph format: TensorFlow 2.9's, the oldest library that reads ours. */
const PRODUCER = 1087;
/** The tag under which a SavedModel holds its graph. */
export const TAG = 'wm';

/**
 * A TensorFlow graph written down operation by operation, as the library executes them: each tensor that the library
 * makes is a node's output, and what goes into an operation must be known by then.
 */
export class Graph {
  readonly #binding: Binding;
  readonly #nodes: Uint8Array[] = [];
  /** Name of the output that computes a tensor, by the library's number for the tensor. */
  readonly #outputs = new Map<number, string>();

  constructor(binding: Binding) {
    this.#binding = binding;
  }

  /** A value given at each run. @returns its name */
  addInput({ id, dtype, shape }: Handle): string {
    const attributes = { dtype: integer(6, dtype), shape: message(7, shapeOf(shape)) };
    return this.#define(id, this.#add('Placeholder', [], attributes));
  }

  /** A value that is the same at each run. */
  addConstant({ id, dtype, shape }: Handle, values: Values): void {
    const tensor = message(
      8,
      integer(1, dtype),
      message(2, shapeOf(shape)),
      message(4, this.#bytes(dtype, values)),
    );
    this.#define(id, this.#add('Const', [], { dtype: integer(6, dtype), value: tensor }));
  }

  /** An operation that was executed. @throws Error for an operand that is neither input nor constant nor computed */
  addOperation(name: string, attributes: Attribute[], ids: number[], results: Handle[]): void {
    const encoded = Object.fromEntries(
      attributes.map((attribute) => [attribute.name, this.#encode(attribute)]),
    );
    // The one operation for which tfjs-node leaves the type to be inferred, which happens outside of graphs alone.
    if (name === 'ExpandDims') encoded.T = integer(6, results[0]!.dtype);
    const node = this.#add(
      name,
      ids.map((id) => this.#outputOf(id, name)),
      encoded,
    );
    for (const [i, { id }] of results.entries()) this.#define(id, `${node}:${i}`);
  }

  /** Makes a computed tensor a result of the graph. @returns its name, its own even where a tensor is a result twice */
  addResult({ id, dtype }: Handle): string {
    return `${this.#add('Identity', [this.#outputOf(id, 'a result')], { T: integer(6, dtype) })}:0`;
  }

  /** The file `saved_model.pb` that the library loads. */
  toSavedModel(): Uint8Array {
    const graph = message(
      2,
      ...this.#nodes.map((node) => message(1, node)),
      message(4, integer(1, PRODUCER)),
    );
    return concat([integer(1, 1), message(2, message(1, message(4, TAG)), graph)]);
  }

  #outputOf(id: number, user: string): string {
    const name = this.#outputs.get(id);
    if (name === undefined)
      throw new Error(`${user} uses a tensor that is not an input of the compiled function`);
    return name;
  }

  #define(id: number, name: string): string {
    this.#outputs.set(id, name);
    return name;
  }

  #add(operation: string, inputs: string[], attributes: Record<string, Uint8Array>): string {
    const name = `n${this.#nodes.length}`;
    const entries = Object.entries(attributes).map(([key, value]) =>
      message(5, message(1, key), message(2, value)),
    );
    this.#nodes.push(
      concat([
        message(1, name),
        message(2, operation),
        ...inputs.map((input) => message(3, input)),
        ...entries,
      ]),
    );
    return name;
  }

  #encode({ name, type, value }: Attribute): Uint8Array {
    const { TF_ATTR_TYPE, TF_ATTR_INT, TF_ATTR_FLOAT, TF_ATTR_BOOL, TF_ATTR_STRING, TF_ATTR_SHAPE } =
      this.#binding;
    if (type === TF_ATTR_SHAPE) return message(7, shapeOf(value as number[]));
    const fields = new Map([
      [TF_ATTR_STRING, (x: unknown) => message(2, String(x))],
      [TF_ATTR_INT, (x: unknown) => integer(3, Number(x))],
      [TF_ATTR_FLOAT, (x: unknown) => float(4, Number(x))],
      [TF_ATTR_BOOL, (x: unknown) => integer(5, Number(x))],
      [TF_ATTR_TYPE, (x: unknown) => integer(6, Number(x))],
    ]);
    const field = fields.get(type);
    if (!field) throw new Error(`attribute ${name} is of the unknown type ${type}`);
    return Array.isArray(value) ? message(1, ...value.map(field)) : field(value);
  }

  #bytes(dtype: number, values: Values): Uint8Array {
    const { TF_FLOAT, TF_INT32, TF_BOOL } = this.#binding;
    const types = new Map<
      number,
      { from(values: ArrayLike<number>): Float32Array | Int32Array | Uint8Array }
    >([
      [TF_FLOAT, Float32Array],
      [TF_INT32, Int32Array],
      [TF_BOOL, Uint8Array],
    ]);
    const type = types.get(dtype);
    if (!type) throw new Error(`constants of the type ${dtype} are not supported`);
    return new Uint8Array(type.from(Array.from(values, Number)).buffer);
  }
}

const shapeOf = (shape: readonly number[]): Uint8Array =>
  concat(shape.map((extent) => message(2, integer(1, extent))));
