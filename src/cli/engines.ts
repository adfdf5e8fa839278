import type { Engine } from '../engine/description.ts';
import { preferred, startEngine } from '../engine/engine.ts';
import { engineNames } from '../engine/names.ts';
import { UserError } from '../errors.ts';
import { GROUP_SIGNALS } from '../experiment/signals.ts';
import { alignColumns } from './align.ts';
import { buildNative } from './install-native.ts';
import { buildTensorflow, installTensorflow } from './install-tensorflow.ts';
import type { Installed } from './installation.ts';
import { leaveOn } from './leave.ts';

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
  const usable: Engine[] = [];
  for (const name of engineNames) {
    try {
      const engine = await startEngine(name);
      const { version, device } = engine;
      statuses.push({ engine: name, usable: true, version, detail: device });
      usable.push(engine);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      statuses.push({ engine: name, usable: false, version: null, detail: error.message });
    }
  }
  const automatic = preferred(usable).name;
  const line = (status: EngineStatus) => [
    `${status.engine === automatic ? '*' : ' '} ${status.engine}`,
    status.usable ? 'usable' : 'missing',
    status.version ?? '-',
    status.detail,
  ];
  process.stdout.write(
    json
      ? `${JSON.stringify(statuses.map((status) => ({ ...status, auto: status.engine === automatic })))}\n`
      : `${alignColumns([['  engine', 'state', 'version', 'device'], ...statuses.map(line)])}\n* what --engine auto takes\n`,
  );
  return 0;
}

/** `wm engines build native` and `wm engines build --tensorflow DIR`. Returns the exit code. */
export async function buildCommand(what: 'native' | { tensorflow: string }): Promise<number> {
  leaveOn(GROUP_SIGNALS);
  return announce(what === 'native' ? await buildNative(say) : await buildTensorflow(what.tensorflow, say));
}

/** `wm engines install tensorflow`. Returns the exit code. */
export async function installCommand(): Promise<number> {
  leaveOn(GROUP_SIGNALS);
  return announce(await installTensorflow(say));
}

const say = (step: string) => void process.stderr.write(`${step}\n`);

function announce({ engine, folder }: Installed): number {
  process.stdout.write(`engine ${engine.name} is ready: ${engine.version}, ${engine.device}, in ${folder}\n`);
  return 0;
}
