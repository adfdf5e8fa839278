/** `auto, wasm or cpu` */
export function alternatives(names: readonly unknown[]): string {
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : `${names[0]}`;
}
