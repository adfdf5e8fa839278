import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) to one reader. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #gone = new AbortController();

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('close', () => this.#gone.abort());
    // nginx would hold the events back until it has some kilobytes of them.
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    response.flushHeaders();
  }

  /** Aborted when the reader has gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Sends an event, and waits while the reader is behind; to one who has gone, nothing is sent. */
  async send(name: string, data: unknown): Promise<void> {
    if (this.gone.aborted) return;
    // JSON has no line breaks, which would end the field.
    if (this.#response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    await once(this.#response, 'drain', { signal: this.gone }).catch((error) => {
      if (!this.gone.aborted) throw error;
    });
  }
}
