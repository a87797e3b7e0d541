import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { goesOnAfterModel, isSkippedName } from '../weights/extensions.ts';

/**
 * Every regular file below a directory that may be a model, sorted, links followed. `unreadable` is called for each
 * directory that could not be listed.
 */
export async function filesBelow(directory: string, unreadable: (path: string, error: unknown) => void): Promise<string[]> {
  const seen = new Set<string>();
  const files: string[] = [];
  await walk(directory);
  return files.sort();

  async function walk(path: string): Promise<void> {
    try {
      const real = await realpath(path);
      if (seen.has(real)) return;
      seen.add(real);
      const entries = await readdir(path, { withFileTypes: true });
      for (const entry of entries) {
        if (!isSkippedName(entry.name) && !goesOnAfterModel(entry.name)) await visit(entry, join(path, entry.name));
      }
    } catch (error) {
      unreadable(path, error);
    }
  }

  async function visit(entry: Dirent, path: string): Promise<void> {
    const found = entry.isSymbolicLink() ? await stat(path).catch(() => null) : entry;
    if (found?.isDirectory()) await walk(path);
    else if (found?.isFile()) files.push(path);
  }
}
