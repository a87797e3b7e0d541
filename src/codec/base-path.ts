import { closeSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { corrupt } from './corrupt.ts';
import { readTail } from './footer.ts';
import type { Base } from './format.ts';

/**
 * Opens a base of the compressed file at `path`. Its own path begins at a directory above that file, so a tier that was moved as a
 * whole stays readable.
 * @returns its descriptor  @throws CacheError CORRUPT when there is none, or it holds other bytes
 */
export function openBase({ file, size, sha256 }: Base, path: string): number {
  for (let below = path, dir = dirname(path); dir !== below; below = dir, dir = dirname(dir)) {
    const fd = openIn(dir, file);
    if (fd === null) continue;
    try {
      const { metadata } = readTail(fd);
      if (metadata.sha256 === sha256 && metadata.size === size) return fd;
      throw corrupt(`${file}, which it stands on, holds another file`);
    } catch (error) {
      closeSync(fd);
      throw corrupt(messageOf(error), error);
    }
  }
  throw corrupt(`${file}, which it stands on, is gone`);
}

function openIn(dir: string, file: string): number | null {
  try {
    return openSync(join(dir, file), 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw corrupt(messageOf(error), error);
  }
}
