import * as tf from '@tensorflow/tfjs-core';

/** A function made ready for tensors of certain shapes. */
export interface Program {
  run(inputs: tf.Tensor[]): tf.Tensor[];
  dispose(): void;
}

/** An engine's way to make a function ready; it may call it with these inputs to see what it does. */
export type Compile = (f: (inputs: tf.Tensor[]) => tf.Tensor[], inputs: tf.Tensor[]) => Program;

/** By name of the engine. */
const compilers = new Map<string, Compile>();

/** Has an engine compile what is given to `Compiled` while it is the active one. */
export function registerCompiler(engine: string, compile: Compile): void {
  compilers.set(engine, compile);
}

/**
 * A function of tensors that an engine may run as one call; where the engine cannot, it is the function itself.
 *
 * Inputs and results are objects of tensors, objects of such, and so on. The function must be pure: nothing that it
 * sees may change but its inputs, it reads no values, and what it calls depends on shapes alone. Its tensors belong
 * to the scope in which it is run, like those of any operation.
 */
export class Compiled<Inputs extends object, Results extends object> {
  readonly #f: (inputs: Inputs) => Results;
  /** With the inputs that each is for, and results of the form that the function gives. */
  readonly #programs: { given: Shaped[]; program: Program; form: Results }[] = [];

  constructor(f: (inputs: Inputs) => Results) {
    this.#f = f;
  }

  run(inputs: Inputs): Results {
    const compile = compilers.get(tf.getBackend());
    if (!compile) return this.#f(inputs);
    const tensors = tensorsOf(inputs);
    // The first time as well: a program may round otherwise than its operations one by one, and a resumed run must not.
    const { form, program } =
      this.#programs.find(({ given }) => areAlike(given, tensors)) ?? this.#compile(compile, inputs, tensors);
    return replaceTensors(form, program.run(tensors));
  }

  /** Frees what the engine keeps of it. */
  dispose(): void {
    for (const { program } of this.#programs.splice(0)) program.dispose();
  }

  #compile(compile: Compile, inputs: Inputs, tensors: tf.Tensor[]): { program: Program; form: Results } {
    const forms: Results[] = [];
    const program = compile((given) => {
      const results = this.#f(replaceTensors(inputs, given));
      forms.push(results);
      return tensorsOf(results);
    }, tensors);
    const given = tensors.map(({ dtype, shape }) => ({ dtype, shape }));
    const compiled = { given, program, form: forms.at(-1)! };
    this.#programs.push(compiled);
    return compiled;
  }
}

/** What a program's memory depends on. */
type Shaped = Pick<tf.Tensor, 'dtype' | 'shape'>;

/** Whether tensors are of these types and shapes. */
const areAlike = (given: readonly Shaped[], tensors: readonly tf.Tensor[]): boolean =>
  given.length === tensors.length &&
  given.every(({ dtype, shape }, i) => {
    const tensor = tensors[i]!;
    return tensor.dtype === dtype && tf.util.arraysEqual(tensor.shape, shape);
  });

/** The tensors of nested objects, in a fixed order. */
function tensorsOf(tree: object, found: tf.Tensor[] = []): tf.Tensor[] {
  for (const value of Object.values(tree)) {
    if (value instanceof tf.Tensor) found.push(value);
    else if (typeof value === 'object' && value !== null) tensorsOf(value, found);
  }
  return found;
}

/** The same nested objects with other tensors, given in the order of `tensorsOf`. */
function replaceTensors<Tree extends object>(tree: Tree, tensors: readonly tf.Tensor[]): Tree {
  let next = 0;
  const replace = (value: unknown): unknown => {
    if (value instanceof tf.Tensor) return tensors[next++];
    if (typeof value !== 'object' || value === null) return value;
    const replaced: Record<string, unknown> = Array.isArray(value) ? ([] as never) : {};
    for (const [key, inner] of Object.entries(value)) replaced[key] = replace(inner);
    return replaced;
  };
  return replace(tree) as Tree;
}
