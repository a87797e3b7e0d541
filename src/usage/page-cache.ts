import { open } from 'node:fs/promises';

const blockBytes = 4 * 1024 * 1024;

/** Where there is no RAM tier, a file that was read once is in memory all the same, for as long as the system likes. */
export class PageCache {
  #reading = new Map<string, Promise<void>>();

  /** Reads a file from front to back; many who ask at once share one reading. Rejects with the errors of the file system. */
  warm(path: string): Promise<void> {
    let reading = this.#reading.get(path);
    if (!reading) {
      reading = readThrough(path).finally(() => this.#reading.delete(path));
      this.#reading.set(path, reading);
    }
    return reading;
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
