import { rmSync } from 'node:fs';

/** Has `use` work with a folder that is removed afterwards, also when a signal ends this process. */
export async function withPassingFolder<T>(folder: string, use: () => Promise<T>): Promise<T> {
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await use();
  } finally {
    process.off('exit', remove);
    remove();
  }
}
