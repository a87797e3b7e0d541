import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A network of two sides that can be cut: what one side sends to the other then arrives nowhere, and no answer comes. */
export class CuttableNetwork {
  isCut = false;
  /** Names of the hosts of the side that is cut off. */
  readonly farSide = new Set<string>();
  /** Pieces that were lost. */
  lost = 0;

  /** A listener in front of a host's. Who connects is told by the name in the first bytes of its TLS. @returns its port */
  before(port: number, host: string): Promise<number> {
    return this.#relay(port, (first) => this.farSide.has(host) !== [...this.farSide].some((name) => first.includes(name)));
  }

  /** The way of the far side to a server on the near one. @returns its port */
  fromFarSide(port: number): Promise<number> {
    return this.#relay(port, () => true);
  }

  async #relay(port: number, crosses: (first: Buffer) => boolean): Promise<number> {
    const open = new Set<Socket>();
    const server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      let isAcross: boolean | null = null;
      // What has lost a piece carries nothing more.
      let isBroken = false;
      const pass = (to: Socket) => (piece: Buffer) => {
        isAcross ??= crosses(piece);
        isBroken ||= isAcross && this.isCut;
        if (isBroken) this.lost++;
        else to.write(piece);
      };
      near.on('data', pass(far));
      far.on('data', pass(near));
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        open.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          open.delete(one);
          if (!isBroken) other.destroy();
        });
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      for (const socket of open) socket.destroy();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }
}
