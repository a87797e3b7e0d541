import { lstatSync, renameSync } from 'node:fs';

/** Puts what is at `path` out of the way, under a name that says why. @returns that name */
export function setAside(path: string): string {
  let number = 1;
  while (isThere(`${path}.damaged-${number}`)) number += 1;
  renameSync(path, `${path}.damaged-${number}`);
  return `${path}.damaged-${number}`;
}

/**
 * What is at `path` when it is neither absent nor of that kind (a pipe in the place of a file, a file in that of a folder) is set
 * aside.
 */
export function setAsideUnless(path: string, kind: 'file' | 'folder'): string | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found || (kind === 'file' ? found.isFile() : found.isDirectory())) return null;
  return setAside(path);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
