import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

interface Storm {
  /** Bytes of objects after which it begins, and its duration. */
  afterBytes: number;
  ms: number;
  /** Latency of a refusal, as of an answer. */
  requestMs: number;
}

/** Grace period of the reader after the first refusal, and the time in which its requests are counted after that, ms. */
const grace = 1000;
const counted = 1500;

/** A front of an S3 server that answers SlowDown to every request for bytes for a while. It counts those in flight at once. */
export class StormServer implements AsyncDisposable {
  refused = 0;
  /** Maximum requests for bytes in flight at once before the first refusal, and a second after it. */
  most = { before: 0, after: 0 };
  readonly #server: Server;
  #underWay = 0;
  #bytes = 0;
  #beganAt: number | null = null;

  private constructor(port: number, storm: Storm) {
    this.#server = createServer((asked, response) => {
      const isForBytes = asked.method === 'GET' && asked.headers.range !== undefined;
      if (isForBytes) this.#count(response);
      const isRefused = isForBytes && this.#isRefused(storm);
      void (isRefused ? this.#refuse(response, storm.requestMs) : this.#pass(asked, response, port)).catch(() =>
        response.destroy(),
      );
    });
  }

  static async before(port: number, storm: Storm): Promise<StormServer> {
    const server = new StormServer(port, storm);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #count(response: ServerResponse): void {
    this.#underWay += 1;
    response.once('close', () => {
      this.#underWay -= 1;
    });
    const { most } = this;
    if (this.#beganAt === null) most.before = Math.max(most.before, this.#underWay);
    const since = performance.now() - (this.#beganAt ?? Number.NaN);
    if (since > grace && since <= grace + counted) most.after = Math.max(most.after, this.#underWay);
  }

  #isRefused({ afterBytes, ms }: Storm): boolean {
    if (this.#bytes < afterBytes) return false;
    this.#beganAt ??= performance.now();
    return performance.now() - this.#beganAt < ms;
  }

  async #refuse(response: ServerResponse, ms: number): Promise<void> {
    this.refused += 1;
    await sleep(ms);
    response.writeHead(503, { 'content-type': 'application/xml' }).end('<Error><Code>SlowDown</Code></Error>');
  }

  async #pass({ method, url, headers }: IncomingMessage, response: ServerResponse, port: number): Promise<void> {
    const passed = request({ host: '127.0.0.1', port, method, path: url, headers }).end();
    const [answer] = (await once(passed, 'response')) as [IncomingMessage];
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.on('data', (bytes: Buffer) => {
      this.#bytes += bytes.length;
    });
    await pipeline(answer, response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
