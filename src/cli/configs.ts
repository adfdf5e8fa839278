import { readFileSync } from 'node:fs';
import { alignColumns } from './align.ts';
import { shippedConfigPath, shippedConfigs } from './shipped-configs.ts';

/** `wm configs`: the shipped configs with the first line of each, which says what it is for. Returns the exit code. */
export function configsCommand({ json }: { json?: boolean }): number {
  const configs = shippedConfigs().map((name) => {
    const file = shippedConfigPath(name);
    const text = readFileSync(file, 'utf8');
    const [, about = ''] = /^# *(.*)/.exec(text) ?? [];
    return { name, file, command: /^sweep:/m.test(text) ? 'sweep' : 'train', about };
  });
  process.stdout.write(
    json
      ? `${JSON.stringify(configs)}\n`
      : alignColumns([
          ['config', 'for', 'about'],
          ...configs.map(({ name, command, about }) => [name, `wm ${command}`, about]),
        ]),
  );
  return 0;
}
