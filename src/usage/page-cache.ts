import { open } from 'node:fs/promises';
import { InFlight } from '../runtime/in-flight.ts';

const blockBytes = 4 * 1024 * 1024;

/** Where there is no RAM tier, a file that was read once is in memory all the same, for as long as the system likes. */
export class PageCache {
  readonly #reading = new InFlight<string, void>();

  /** Reads a file from front to back; many who ask at once share one reading. Rejects with the errors of the file system. */
  warm(path: string): Promise<void> {
    return this.#reading.run(path, () => readThrough(path));
  }
}

async function readThrough(path: string): Promise<void> {
  const block = Buffer.allocUnsafe(blockBytes);
  await using file = await open(path, 'r');
  for (;;) {
    const { bytesRead } = await file.read(block, 0, block.length);
    if (bytesRead === 0) return;
  }
}
