import type { ParameterLayout } from '../nn/parameters.ts';

/** A product [M, K] · [K, N] multiplies and adds M K N times each. */
export const product = (rows: number, inner: number, columns: number): number => 2 * rows * inner * columns;

/** The products of an MLP's forward pass. */
export const mlp = (rows: number, ...widths: number[]): number =>
  widths.slice(1).reduce((sum, width, layer) => sum + product(rows, widths[layer]!, width), 0);

/** Forward, and twice that backward: one product for the gradient of either operand. */
export const trained = (forward: number): number => 3 * forward;

/** The products of one row's forward pass through the layers whose names start with `prefix`, block-diagonal ones too. */
export const perRow = ({ specs }: ParameterLayout, prefix: string): number =>
  specs
    .filter(({ name }) => name.startsWith(`${prefix}.`) && name.endsWith('.weight'))
    // A row meets every weight once, but for those of a convolution.
    .reduce((sum, { shape, uses = 1 }) => sum + 2 * uses * shape.reduce((size, n) => size * n, 1), 0);

/** The same, of all layers of some networks. */
export const perRowOf = (layout: ParameterLayout, ...prefixes: string[]): number =>
  prefixes.reduce((sum, prefix) => sum + perRow(layout, prefix), 0);
