import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UserError } from '../errors.ts';
import { isSystemError } from '../runs/on-disk.ts';
import { EventStream } from './events.ts';

/** What stands at a path. */
export interface Content {
  /** Of MIME, e.g. `text/html; charset=utf-8`. */
  type: string;
  body: string | Uint8Array;
  /** Its Content-Security-Policy; without one it may load and run nothing. */
  policy?: string;
}

/** A stream of server-sent events: `stream` sends them until its reader goes. */
export interface Stream {
  stream: (events: EventStream) => Promise<void>;
}

export interface Site {
  /** 0: any free one. */
  port: number;
  /**
   * What a GET of a path is answered with; undefined: there is nothing. A `UserError` is answered with its sentence.
   *
   * @param path decoded, from `/` on; it may hold anything, `..` too
   */
  answer: (path: string, query: URLSearchParams) => Promise<Content | Stream | undefined>;
  /** Told of an error that is no user's: the request is answered with 500. */
  failed: (error: unknown) => void;
}

/** A server that is listening. */
export interface Server {
  port: number;
  /** What to open in a browser. */
  url: string;
  /** Ends every connection, streams too, and listens no more. */
  close: () => Promise<void>;
}

/** Only this machine can reach it. */
const ADDRESS = '127.0.0.1';
/** What the server may be called. Forwarded through ssh it has another port, never another name. */
const NAMES = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
const NOTHING_RUNS = "default-src 'none'; frame-ancestors 'none'";

/** Serves a site to browsers on this machine. @throws UserError when the port cannot be had. */
export async function startServer({ port, answer, failed }: Site): Promise<Server> {
  const server = createServer((request, response) => {
    respond(request, response, answer).catch((error) => {
      failed(error);
      if (response.headersSent) response.destroy();
      else sendText(response, 500, 'an error of the server; its terminal has more');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(portRefused(port, error)));
    server.listen(port, ADDRESS, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    port: taken,
    url: `http://${ADDRESS}:${taken}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function portRefused(port: number, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const other = 'choose another --port, or 0 for any free one';
  if (error.code === 'EADDRINUSE') return new UserError(`port ${port} is in use; ${other}`);
  return new UserError(`port ${port} cannot be listened on (${error.code}); ${other}`);
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Site['answer'],
): Promise<void> {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Content-Security-Policy', NOTHING_RUNS);
  // Another site's name may be made to lead here (DNS rebinding), and its scripts would read what this one says.
  if (!NAMES.test(request.headers.host ?? '')) {
    return sendText(response, 403, 'this server answers to 127.0.0.1 and localhost only');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return sendText(response, 405, 'this server is only read from');
  }
  const place = placeOf(request.url ?? '/');
  if (place === undefined) return sendText(response, 400, 'not a path');
  let found: Content | Stream | undefined;
  try {
    found = await answer(place.path, place.query);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return sendText(response, 404, error.message);
  }
  if (found === undefined) return sendText(response, 404, 'there is nothing of that name');
  if ('stream' in found) return found.stream(new EventStream(response));
  response.setHeader('Content-Type', found.type);
  if (found.policy !== undefined) response.setHeader('Content-Security-Policy', found.policy);
  response.end(found.body);
}

/** The path and query of a request; undefined where they are not well encoded. */
function placeOf(url: string): { path: string; query: URLSearchParams } | undefined {
  // Not by `new URL`, which resolves `..` and takes `//name/` for another host.
  const [path, query] = url.split(/\?(.*)/s) as [string, string | undefined];
  try {
    return { path: decodeURIComponent(path), query: new URLSearchParams(query) };
  } catch {
    return undefined;
  }
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
