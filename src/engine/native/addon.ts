/** The exports of src/engine/native/addon, documented there. An address is a number of bytes, as in C. */
export interface Addon {
  /** The kernels' builds for people, the best first; null for one that the processor lacks. */
  readonly instructionSets: readonly (string | null)[];
  /** Takes one of the builds. @returns its kernels' names, in the order of their numbers */
  use(instructionSet: number): string[];
  /** @returns the address, on a cache line of its own; 0 where there is no memory */
  allocate(bytes: number): number;
  release(address: number): void;
  /** Fills an array. */
  read(address: number, to: Values): void;
  write(address: number, from: Values): void;
  /** One call of a kernel: its number, how many operands, their addresses, its parameters. */
  execute(words: Float64Array): void;
  /** One call of a kernel, by its number, on arrays of JavaScript's own. */
  executeOn(kernel: number, operands: readonly Values[], parameters: Float64Array): void;
  /** @param words see compile.ts. @returns the program's number */
  compile(words: Float64Array): number;
  /** @param inputs, results addresses */
  run(program: number, inputs: Float64Array, results: Float64Array): void;
  discard(program: number): void;
  /** Gives the memory of tensors long gone back to the system. */
  giveBack(): void;
}

/** A tensor's values in JavaScript. */
export type Values = Float32Array | Int32Array | Uint8Array;
