import { closeSync, fstatSync, openSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readHeader } from './read-header.ts';
import { isVariantName } from './recipe.ts';
import { readReport, reportKey, type VariantReport } from './report.ts';

/** Path of the list by which ComfyUI finds the folder of variants, also while no daemon runs. */
export function variantListIn(stateDir: string): string {
  return join(stateDir, 'variants', 'folders.json');
}

/** The files below a folder that have the name of a variant; none when the folder does not exist. */
export async function variantFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((one) => one.isFile() && isVariantName(one.name)).map((one) => join(one.parentPath, one.name));
}

/** The report in a file's metadata; null when it is no variant. @throws CacheError CORRUPT, and errors of the file system */
export function reportIn(path: string): VariantReport | null {
  const fd = openSync(path, 'r');
  try {
    return readReport(readHeader(fd, fstatSync(fd).size).header.metadata[reportKey]);
  } finally {
    closeSync(fd);
  }
}
