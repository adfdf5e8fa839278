/** The engines by name, in the order in which `auto` looks at them and `wm engines` lists them. */
export const engineNames = ['tensorflow', 'webgpu', 'native', 'wasm', 'cpu'] as const;
export type EngineName = (typeof engineNames)[number];
