import path from 'node:path';
import { effectsOf } from '../compare/effect.ts';
import { type Comparison, compareByEnvironment, compareRuns } from '../compare/index.ts';
import { leaderboard } from '../compare/leaderboard/index.ts';
import { UserError } from '../errors.ts';
import { effectFigure } from '../figures/effects.ts';
import { figuresOf } from '../figures/index.ts';
import { leaderboardFigures } from '../figures/leaderboard.ts';
import { figureFiles, writeFiles } from './table-files.ts';

interface CompareOptions {
  paper?: boolean;
  seedValues?: boolean;
  byEnvironment?: boolean;
  leaderboard?: boolean;
  /** A dotted key. */
  effect?: string;
  out?: string;
  json?: boolean;
}

/** `wm compare`. Returns the exit code. */
export async function compareCommand(
  dirs: readonly string[],
  {
    paper = false,
    seedValues = false,
    byEnvironment = false,
    leaderboard: ranked = false,
    effect,
    out,
    json,
  }: CompareOptions,
): Promise<number> {
  const mode = ranked ? '--leaderboard' : effect === undefined ? undefined : '--effect';
  if (mode !== undefined) {
    refuseWith(mode, { paper, seedValues, byEnvironment, effect: ranked && effect !== undefined });
    return effect === undefined
      ? leaderboardCommand(dirs, out, json)
      : effectCommand(dirs, effect, out, json);
  }
  if (!byEnvironment) {
    const { text, data } = await written(compareRuns(dirs, { paper, seedValues }), out);
    process.stdout.write(json ? `${JSON.stringify(data)}\n` : text);
    return 0;
  }
  const parts: { environment: string; text: string; data: unknown }[] = [];
  for (const { environment, comparison } of compareByEnvironment(dirs, { paper, seedValues })) {
    parts.push({ environment, ...(await written(comparison, out && path.join(out, environment))) });
  }
  process.stdout.write(
    json
      ? `${JSON.stringify(Object.fromEntries(parts.map(({ environment, data }) => [environment, data])))}\n`
      : parts.map(({ environment, text }) => `${environment}\n\n${text}`).join('\n'),
  );
  return 0;
}

/** @throws UserError for an option that is given and means nothing beside `mode`. */
function refuseWith(mode: string, given: Record<string, boolean>): void {
  const useless = Object.keys(given).find((name) => given[name]);
  if (useless === undefined) return;
  const option = useless.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UserError(`--${option} and ${mode} print different tables; give one of them`);
}

async function effectCommand(
  dirs: readonly string[],
  key: string,
  out: string | undefined,
  json: boolean | undefined,
): Promise<number> {
  const { text, files, effects, notes } = effectsOf(dirs, key);
  if (out !== undefined) writeFiles(out, { ...files, ...(await figureFiles([effectFigure(key, effects)])) });
  process.stdout.write(json ? `${JSON.stringify({ effects, notes })}\n` : text);
  return 0;
}

async function leaderboardCommand(
  dirs: readonly string[],
  out: string | undefined,
  json: boolean | undefined,
): Promise<number> {
  const board = await leaderboard(dirs);
  if (out !== undefined) {
    writeFiles(out, {
      ...board.files,
      ...(await figureFiles(leaderboardFigures(board.standings, board.duels))),
    });
  }
  process.stdout.write(json ? `${JSON.stringify(board.data)}\n` : board.text);
  return 0;
}

/** Writes a comparison's files into the folder `out`, where one is given; gives its text and its data. */
async function written(
  { runs, sections: _, text, files: tables, ...data }: Comparison,
  out: string | undefined,
): Promise<{ text: string; data: unknown }> {
  if (out !== undefined) {
    writeFiles(out, { ...tables(), ...(await figureFiles(figuresOf(runs))) });
  }
  return { text, data };
}
