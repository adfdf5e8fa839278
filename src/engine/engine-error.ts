import { UserError } from '../errors.ts';
import type { EngineName } from './names.ts';

/** Why an engine cannot load or compute here, and what mends it. */
export class EngineError extends UserError {
  readonly engine: EngineName;

  constructor(engine: EngineName, why: string) {
    super(`engine ${engine}: ${why}`);
    this.engine = engine;
  }
}
