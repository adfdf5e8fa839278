import { startTensorflow } from '../engine/tensorflow.ts';
import { UserError } from '../errors.ts';

/**
 * The entry of the process that tries a new binding: a library that does not fit may end its process. Takes the
 * `Binding` as JSON, computes one operation with it, writes the engine or the reason why not to stdout as JSON.
 */
try {
  const engine = await startTensorflow(JSON.parse(process.argv[2]!));
  process.stdout.write(JSON.stringify({ engine }));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stdout.write(JSON.stringify({ problem: error.message }));
}
