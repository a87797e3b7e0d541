import { closeSync, openSync } from 'node:fs';

/** Works with descriptors of a file to read and of one to write, closed afterwards. */
export async function withFiles(from: string, to: string, work: (from: number, to: number) => Promise<unknown>): Promise<void> {
  const source = openSync(from, 'r');
  const target = openSync(to, 'w');
  try {
    await work(source, target);
  } finally {
    closeSync(source);
    closeSync(target);
  }
}
