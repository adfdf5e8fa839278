/** What is used of the WebAssembly interface: it is declared by the compiler's browser library only. */
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance<Exports> {
    readonly exports: Exports;
    constructor(module: Module, imports?: Record<string, Record<string, Memory>>);
  }
  function validate(bytes: Uint8Array): boolean;
}
