import { readFileSync } from 'node:fs';
import { alignColumns } from './align.ts';
import { shippedConfigPath, shippedConfigs, shippedPresets } from './shipped-configs.ts';

/** `wm configs`: the shipped configs and presets with the first line of each, which says what it is for. Returns the exit code. */
export function configsCommand({ json }: { json?: boolean }): number {
  const configs = shippedConfigs().map((name) => {
    const { file, text, about } = readShipped(name);
    const command = /^sweep:/m.test(text) ? 'sweep' : 'train';
    return { name, file, command, about };
  });
  const presets = shippedPresets().map((name) => {
    const { file, about } = readShipped(`presets/${name}.yaml`);
    return { name, file, command: 'preset', about };
  });
  const listed = [...configs, ...presets];
  process.stdout.write(
    json
      ? `${JSON.stringify(listed)}\n`
      : alignColumns([
          ['config', 'for', 'about'],
          ...listed.map(({ name, command, about }) => [
            name,
            command === 'preset' ? `--preset ${name}` : `wm ${command}`,
            about,
          ]),
        ]),
  );
  return 0;
}

/** A file of the folder configs/, and its first line. */
function readShipped(name: string): { file: string; text: string; about: string } {
  const file = shippedConfigPath(name);
  const text = readFileSync(file, 'utf8');
  const [, about = ''] = /^# *(.*)/.exec(text) ?? [];
  return { file, text, about };
}
