import { type MessagePort, parentPort } from 'node:worker_threads';
import { type Calls, callsOver } from '../../src/runtime/calls.ts';
import { portOf } from '../../src/runtime/peer.ts';
import type { Reader, ReaderListener } from '../../src/sources/messages.ts';
import { SourceReader } from '../../src/sources/server.ts';

/** The thread of `sharedReader`: a reader for each port that it receives, until that port closes. */
parentPort?.on('message', (port: MessagePort) => {
  const reader = new EndingReader({ mayTouchNetwork: false, parent: () => parent });
  const parent: Calls<ReaderListener> = callsOver<ReaderListener, Reader>(portOf(port), reader);
  port.on('close', () => reader.end());
});

/** The daemon's own thread ends with everything that it has begun. */
class EndingReader extends SourceReader {
  readonly #begun = new Set<number>();

  override list(...request: Parameters<Reader['list']>) {
    this.#begun.add(request[0]);
    return super.list(...request);
  }

  override watch(...request: Parameters<Reader['watch']>) {
    this.#begun.add(request[0]);
    return super.watch(...request);
  }

  end(): void {
    for (const id of this.#begun) this.cancel(id);
  }
}
