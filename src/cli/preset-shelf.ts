import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { PresetShelf } from '../config/presets.ts';
import { UserError } from '../errors.ts';
import { readConfigText, whyUnread } from './config-text.ts';
import { shippedConfigPath, shippedPresets } from './shipped-configs.ts';

/**
 * The presets that a config may name: those in a folder `presets` beside it, then those that come with wm.
 *
 * @param config the config's file
 */
export function presetShelf(config: string): PresetShelf {
  const own = path.join(path.dirname(config), 'presets');
  const fileOf = (name: string) => {
    const file = path.join(own, `${name}.yaml`);
    return existsSync(file) ? file : shippedConfigPath(`presets/${name}.yaml`);
  };
  return {
    names: () => [...new Set([...presetsIn(own), ...shippedPresets()])].sort(),
    read: (name) => {
      const file = fileOf(name);
      try {
        return { file, text: readConfigText(file) };
      } catch (error) {
        throw new UserError(`${file}: ${whyUnread(error)}; give another preset`);
      }
    },
  };
}

/** The names of the presets in a folder; none where it cannot be read. */
function presetsIn(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((file) => /^(.+)\.yaml$/.exec(file)?.[1] ?? []);
  } catch {
    return [];
  }
}
