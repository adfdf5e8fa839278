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
  /** By the inputs' shapes, with results of the form that the function gives. */
  readonly #programs = new Map<string, { program: Program; form: Results }>();

  constructor(f: (inputs: Inputs) => Results) {
    this.#f = f;
  }

  run(inputs: Inputs): Results {
    const compile = compilers.get(tf.getBackend());
    if (!compile) return this.#f(inputs);
    const tensors = tensorsOf(inputs);
    const key = tensors.map(({ dtype, shape }) => `${dtype}[${shape}]`).join();
    const known = this.#programs.get(key) ?? this.#compile(compile, inputs);
    this.#programs.set(key, known);
    // The first time as well: a program may round otherwise than its operations one by one, and a resumed run must not.
    return replaceTensors(known.form, known.program.run(tensors));
  }

  /** Frees what the engine keeps of it. */
  dispose(): void {
    for (const { program } of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }

  #compile(compile: Compile, inputs: Inputs): { program: Program; form: Results } {
    const forms: Results[] = [];
    const program = compile((given) => {
      const results = this.#f(replaceTensors(inputs, given));
      forms.push(results);
      return tensorsOf(results);
    }, tensorsOf(inputs));
    return { program, form: forms.at(-1)! };
  }
}

/** The tensors of nested objects, in a fixed order. */
function tensorsOf(tree: object): tf.Tensor[] {
  return Object.values(tree).flatMap((value) => {
    if (value instanceof tf.Tensor) return [value];
    return value ? tensorsOf(value) : [];
  });
}

/** The same nested objects with other tensors, given in the order of `tensorsOf`. */
function replaceTensors<Tree extends object>(tree: Tree, tensors: tf.Tensor[]): Tree {
  const rest = [...tensors];
  const replace = (value: unknown): unknown => {
    if (value instanceof tf.Tensor) return rest.shift();
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, replace(inner)]));
  };
  return replace(tree) as Tree;
}
