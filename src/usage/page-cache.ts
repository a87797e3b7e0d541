import { open } from 'node:fs/promises';
import { InFlight } from '../runtime/in-flight.ts';

const blockBytes = 4 * 1024 * 1024;

/** Without a RAM tier: a file read once is in memory while the system keeps it there. */
export class PageCache {
  readonly #reading = new InFlight<string, void>();

  /** Reads a file from front to back; concurrent calls share one reading. Rejects with the errors of the file system. */
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
