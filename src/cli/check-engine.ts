import { startNative } from '../engine/native.ts';
import { startTensorflow } from '../engine/tensorflow.ts';
import { UserError } from '../errors.ts';

/**
 * The entry of the process that tries a new binary: a library that does not fit may end its process. Takes the engine's
 * name and its binary as JSON, computes one operation with it, writes the engine or the reason why not to stdout as
 * JSON.
 */
const { name, binary } = JSON.parse(process.argv[2]!);
try {
  const engine = await (name === 'native' ? startNative(binary.folder) : startTensorflow(binary));
  process.stdout.write(JSON.stringify({ engine }));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stdout.write(JSON.stringify({ problem: error.message }));
}
