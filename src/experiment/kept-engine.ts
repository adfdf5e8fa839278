import path from 'node:path';
import type { Experiment } from '../config/schema.ts';
import { chooseEngine } from '../engine/engine.ts';
import { EngineError } from '../engine/engine-error.ts';
import { type EngineName, engineNames } from '../engine/names.ts';
import { UserError } from '../errors.ts';
import { readRunInfo } from '../runs/records.ts';
import type { UsedEngine } from './sitting.ts';

/** What computes a run, decided before any work is given out. */
export interface ChosenEngine extends UsedEngine {
  /** Why the engine that the run was begun on cannot go on with it, where that is so and nobody asked for another. */
  lost: UserError | null;
}

/**
 * Gives the engine of each experiment in turn: the one that it asks for or, where it asks for none (`auto`) and its run has
 * begun, the run's own: on another machine `auto` may take another one, and other bytes would come of it.
 *
 * @throws EngineError when an engine that is asked for cannot load.
 */
export function engineChooser(runsDir: string): (experiment: Experiment) => Promise<ChosenEngine> {
  const chosen = new Map<EngineName | 'auto', Promise<UsedEngine>>();
  const choose = (name: EngineName | 'auto') => {
    if (!chosen.has(name)) chosen.set(name, chooseEngine(name));
    return chosen.get(name)!;
  };
  return async ({ engine, name }) => {
    const best = await choose(engine);
    const dir = path.join(runsDir, name);
    const own = engine === 'auto' ? engineBegunOn(dir) : undefined;
    if (own === undefined || own === best.engine.name) return { ...best, lost: null };
    try {
      const { engine } = await choose(own);
      return { engine, reason: `the run's own, where auto would take ${best.engine.name}`, lost: null };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return {
        ...best,
        lost: new UserError(`${dir} was begun on ${own}, and auto keeps to that: ${error.message}`),
      };
    }
  };
}

/** The engine that a run was last trained on; undefined where there is no such run. */
function engineBegunOn(dir: string): EngineName | undefined {
  const begun = readRunInfo(dir)?.engine.name;
  return engineNames.find((name) => name === begun);
}
