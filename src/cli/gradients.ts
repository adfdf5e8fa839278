import { gradientTables } from '../compare/gradients/index.ts';
import { gradientFigures } from '../figures/gradients.ts';
import { figureFiles, writeFiles } from './table-files.ts';

/** `wm gradients`. Returns the exit code. */
export async function gradientsCommand(
  dirs: readonly string[],
  { out, json }: { out?: string; json?: boolean },
): Promise<number> {
  const { runs, data, text, files } = gradientTables(dirs);
  if (out !== undefined) writeFiles(out, { ...files, ...(await figureFiles(gradientFigures(runs))) });
  process.stdout.write(json ? `${JSON.stringify(data)}\n` : text);
  return 0;
}
