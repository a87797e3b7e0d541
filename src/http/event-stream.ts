import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Proofs } from './proofs.ts';

const pingEveryMs = 15_000;
/** A listener this far behind has stopped reading; it can query the missed state when it is back. */
const maxBehindBytes = 1024 * 1024;

/** An answer that is a stream of server-sent events, with a sign of life every 15 s. */
export class EventStream {
  readonly #raw: FastifyReply['raw'];
  readonly #ping: NodeJS.Timeout;

  constructor(request: FastifyRequest, reply: FastifyReply, proofs: Proofs) {
    reply.hijack();
    this.#raw = reply.raw;
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
    this.#raw.writeHead(200, { ...headers, ...proofs.streamHeaders(request, 200) });
    this.#raw.write(': autocached\n\n');
    this.#ping = setInterval(() => this.#raw.write(': ping\n\n'), pingEveryMs);
    this.onClose(() => clearInterval(this.#ping));
  }

  send(name: string, data: unknown): void {
    this.#raw.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    if (this.#raw.writableLength > maxBehindBytes) this.#raw.destroy();
  }

  /** Ends the stream with a last event of any length. */
  end(name: string, data: unknown): void {
    this.#raw.end(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Called when the stream has ended on either side. */
  onClose(closed: () => void): void {
    this.#raw.on('close', closed);
  }
}
