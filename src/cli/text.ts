import type { Estimate } from '../statistics.ts';

/** `482.7 ± 8.4`, or the mean alone where a standard deviation is not defined. */
export function plusMinus({ mean, std }: Estimate, digits: number): string {
  if (mean === null) return '-';
  return std === null ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${std.toFixed(digits)}`;
}

/** Lines of left-aligned columns two spaces apart. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}
