import { lstatSync, renameSync } from 'node:fs';

/** Renames the file at `path` to a name that says why. @returns that name */
export function setAside(path: string): string {
  let number = 1;
  while (isThere(`${path}.damaged-${number}`)) number += 1;
  renameSync(path, `${path}.damaged-${number}`);
  return `${path}.damaged-${number}`;
}

/**
 * Sets the file at `path` aside if it is neither absent nor of that kind (a pipe instead of a file, a file instead of a folder).
 */
export function setAsideUnless(path: string, kind: 'file' | 'folder'): string | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found || (kind === 'file' ? found.isFile() : found.isDirectory())) return null;
  return setAside(path);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
