import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Non-blocking, because opening a pipe without a writer, or some device, would wait without limit. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * The bytes of a regular file of at most `most` bytes.
 * @throws the file system's error, or an Error with the fault of the file: a pipe, a device, a folder, or too large
 */
export async function readSmallFile(path: string, most: number): Promise<Buffer> {
  await using file: FileHandle = await open(path, flags).catch((error) => refused(path, error));
  const bytes = Buffer.alloc(sizeOf(path, await file.stat(), most));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return bytes.subarray(0, bytesRead);
}

/** The same at once. */
export function readSmallFileSync(path: string, most: number): Buffer {
  const fd = opened(path);
  try {
    const bytes = Buffer.alloc(sizeOf(path, fstatSync(fd), most));
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

function opened(path: string): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    return refused(path, error);
  }
}

/** A socket, or a device without a driver, cannot even be opened. */
function refused(path: string, error: unknown): never {
  if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw new Error(`${path} is no regular file`, { cause: error });
  throw error;
}

function sizeOf(path: string, stat: Stats, most: number): number {
  if (stat.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' });
  if (!stat.isFile()) throw new Error(`${path} is no regular file`);
  if (stat.size > most) throw new Error(`${path} has ${stat.size} bytes; at most ${most} were expected`);
  return stat.size;
}
