import { createRequire } from 'node:module';
import type { EngineName } from './names.ts';

/** What computes. */
export interface Engine {
  name: EngineName;
  /** What it runs on, for people. */
  device: string;
  /** Version of the package that computes. */
  version: string;
  isGpu: boolean;
  /** Whether the members of a process compute faster as one batch than one after the other. */
  stacksMembers: boolean;
}

const require = createRequire(import.meta.url);

/** The version of an installed package. */
export const packageVersion = (name: string): string => require(`${name}/package.json`).version;
