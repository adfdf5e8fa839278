import { engineNames, startEngine } from '../engine/engine.ts';
import { UserError } from '../errors.ts';
import { alignColumns } from './align.ts';

interface EngineStatus {
  engine: string;
  usable: boolean;
  version: string | null;
  /** The device it would use, or why it cannot be used and what mends that. */
  detail: string;
}

/** `wm engines`: really starts each engine. Returns the exit code. */
export async function enginesCommand({ json }: { json?: boolean }): Promise<number> {
  const statuses: EngineStatus[] = [];
  for (const name of engineNames) {
    try {
      const { version, device } = await startEngine(name);
      statuses.push({ engine: name, usable: true, version, detail: device });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      statuses.push({ engine: name, usable: false, version: null, detail: error.message });
    }
  }
  const best = statuses.find(({ usable }) => usable)!;
  const line = (status: EngineStatus) => [
    `${status === best ? '*' : ' '} ${status.engine}`,
    status.usable ? 'usable' : 'missing',
    status.version ?? '-',
    status.detail,
  ];
  process.stdout.write(
    json
      ? `${JSON.stringify(statuses.map((status) => ({ ...status, auto: status === best })))}\n`
      : `${alignColumns([['  engine', 'state', 'version', 'device'], ...statuses.map(line)])}\n* what --engine auto takes\n`,
  );
  return 0;
}
