import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { errnoOf } from './errnos.ts';

/**
 * Creates a directory named by a setting, with its missing parents. Node's own recursive `mkdir` never returns if a file system
 * has a directory but reports new names in it as missing (`/proc`).
 * @param setting the key that names it, for the message
 * @throws CacheError BAD_CONFIG
 */
export function makeDirectory(path: string, setting: string, mode?: number): void {
  try {
    make(path, mode);
  } catch (cause) {
    throw new CacheError('BAD_CONFIG', `${setting}: ${path} cannot be created: ${sentenceOf(cause)} (${errnoOf(cause)})`, {
      hint: `set ${setting} to a directory that you can write`,
      cause,
    });
  }
}

function make(path: string, mode: number | undefined): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (!existsSync(parent)) make(parent, mode);
  mkdirSync(path, { mode });
}
