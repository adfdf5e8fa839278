import { EngineError } from '../../src/engine/engine-error.ts';
import { type InstructionSet, nativeFolder, setsOf } from '../../src/engine/native.ts';

/** The engine native's instruction sets that this machine can run; none where it is not built, which is said. */
export function nativeSetsHere(): InstructionSet[] {
  try {
    return setsOf(nativeFolder());
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return [];
  }
}
