/** How the addon's C++ is compiled: it decides what the binary computes as much as the sources do. */

/** An instruction set that the kernels are compiled for: its namespace, its title and how it is asked for. */
export interface CompiledSet {
  name: string;
  title: string;
  options: readonly string[];
}

export interface Compilation {
  /** Of every file. */
  options: readonly string[];
  /** By the processor's family, as Node names it, the best set first. */
  families: Partial<Record<NodeJS.Architecture, readonly CompiledSet[]>>;
  /** Of any other family. */
  others: readonly CompiledSet[];
}

export const compilation: Compilation = {
  /** As fast as the compiler can, without what changes results that are not finite. */
  options: [
    '-std=c++17',
    '-O2',
    '-ftree-vectorize',
    '-fPIC',
    '-fno-math-errno',
    '-fno-trapping-math',
    '-fvisibility=hidden',
  ],
  families: {
    x64: [
      {
        name: 'avx512',
        title: 'AVX-512',
        options: ['-mavx512f', '-mavx512dq', '-mfma', '-mprefer-vector-width=512'],
      },
      { name: 'avx2', title: 'AVX2 with FMA', options: ['-mavx2', '-mfma'] },
      { name: 'baseline', title: 'SSE2', options: [] },
    ],
    arm64: [{ name: 'baseline', title: 'NEON', options: [] }],
  },
  others: [{ name: 'baseline', title: 'vectors of 128 bits', options: [] }],
};

/** Those of this processor's family. */
export const instructionSets: readonly CompiledSet[] =
  compilation.families[process.arch] ?? compilation.others;
