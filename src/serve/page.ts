import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.ts';
import { readText } from '../runs/atomic.ts';
import type { Content } from './server.ts';

/**
 * A page with all that it needs, as it is to be served.
 *
 * @param name its folder in src/pages/, of which `npm run build` makes one file
 * @throws UserError where it was not built.
 */
export function readPage(name: string): Content {
  // The path holds from src and from dist.
  const file = fileURLToPath(new URL(`../../dist/pages/${name}.html`, import.meta.url));
  const body = readText(file);
  if (body === undefined) throw new UserError(`${file} is missing; run \`npm run build\``);
  return { type: 'text/html; charset=utf-8', body, policy: pagePolicy(body) };
}

/**
 * The Content-Security-Policy under which a page runs its own inline scripts and styles, told by their hashes, and no
 * other; it may speak to its own server and show its pictures.
 */
export function pagePolicy(page: string): string {
  const hashes = (element: RegExp) =>
    [...page.matchAll(element)]
      .map(([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`)
      .join(' ');
  return [
    "default-src 'none'",
    `script-src ${hashes(/<script\b[^>]*>(.*?)<\/script>/gs)}`,
    `style-src ${hashes(/<style\b[^>]*>(.*?)<\/style>/gs)}`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
