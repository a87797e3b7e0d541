import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Bytes sent at once: the connections take turns. */
const pieceBytes = 64 * 1024;

/** A link to a server with a latency for each request, and a bandwidth that all answers share. */
export class SlowLink implements AsyncDisposable {
  /** Bytes of answers that went through. */
  bytes = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #freeAt = 0;

  private constructor(port: number, requestMs: number, bytesPerSecond: number) {
    this.#server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.once('close', () => {
          this.#sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
      client.on('data', (bytes) => setTimeout(() => upstream.writable && upstream.write(bytes), requestMs));
      void this.#answer(upstream, client, bytesPerSecond);
    });
  }

  static async to(
    port: number,
    { requestMs, bytesPerSecond }: { requestMs: number; bytesPerSecond: number },
  ): Promise<SlowLink> {
    const link = new SlowLink(port, requestMs, bytesPerSecond);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #answer(upstream: Socket, client: Socket, bytesPerSecond: number): Promise<void> {
    try {
      for await (const all of upstream as AsyncIterable<Buffer>) {
        for (let at = 0; at < all.length; at += pieceBytes) {
          const piece = all.subarray(at, at + pieceBytes);
          const now = performance.now();
          this.#freeAt = Math.max(now, this.#freeAt) + (1000 * piece.length) / bytesPerSecond;
          // Timers are of whole milliseconds: bytes due sooner go at once, and the sum is kept.
          if (this.#freeAt - now > 2) await sleep(this.#freeAt - now);
          this.bytes += piece.length;
          if (!client.write(piece)) await once(client, 'drain');
        }
      }
    } catch {
      client.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
