/** Loaded before a daemon's own modules: its process that gives to others gives a wrong byte in each piece, under the true hashes. */
import { open } from 'node:fs/promises';

if (/listener\.[jt]s$/.test(process.argv[1] ?? '')) {
  await using file = await open(process.execPath);
  const prototype = Object.getPrototypeOf(file);
  const { read } = prototype;
  prototype.read = async function (...args: unknown[]) {
    const found = await read.apply(this, args);
    if (found.bytesRead > 0) found.buffer[0] ^= 1;
    return found;
  };
}
