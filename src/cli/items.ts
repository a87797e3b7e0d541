import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import nodePath, { type PlatformPath } from 'node:path';
import type { SelectRequest } from '../api/api.ts';
import { isGlob } from './choose.ts';

/** The meaning of a word on the command line: a file, a model by ComfyUI's name for it, or all matches of a glob. */
export type Item = { path: string } | { category: string; name: string } | { glob: string };

/** The place in which words are read; tests name another platform. */
export interface WordContext {
  cwd: string;
  exists?: (path: string) => boolean;
  platform?: PlatformPath;
}

/**
 * An existing file wins; else `category/name` or `category:name` is a model's name. `./x` and absolute paths are always paths, even
 * without a file: the source may be away while its copy is not.
 */
export function parseItem(text: string, { cwd, exists = existsSync, platform = nodePath }: WordContext): Item {
  const path = platform.resolve(cwd, text);
  if (exists(path)) return { path };
  if (platform.isAbsolute(text) && isGlob(text)) return { glob: text };
  if (platform.isAbsolute(text) || /^\.\.?[\\/]/.test(text)) return { path };
  if (isGlob(text)) return { glob: platform.sep === '\\' ? text.replaceAll('\\', '/') : text };
  const separators = platform.sep === '\\' ? /[:\\/]/ : /[:/]/;
  const [category = '', ...rest] = text.split(separators);
  // One letter before a colon is a drive of Windows.
  if (category.length < 2 || rest.join('') === '') return { path };
  const name = text.slice(category.length + 1);
  return { category, name: platform.sep === '\\' ? name.replaceAll('\\', '/') : name };
}

/**
 * Words as the entries of an operation. A number, or `#` and a number, is an entry's id; a directory, or a path that ends
 * with a separator while its disk is away, means everything below it.
 */
export async function selectRequest(words: string[], place: WordContext): Promise<SelectRequest> {
  const isDirectory = await Promise.all(words.map((word) => isDirectoryWord(word, place)));
  const files = filesRequest(
    words.filter((_word, index) => !isDirectory[index]),
    place,
  );
  const below = words.filter((_word, index) => isDirectory[index]).map((word) => nodePath.resolve(place.cwd, word));
  return { ...files, ...(below.length > 0 && { below }) };
}

async function isDirectoryWord(word: string, place: WordContext): Promise<boolean> {
  if (idPattern.test(word)) return false;
  const item = parseItem(word, place);
  if (!('path' in item)) return false;
  if (/[\\/]$/.test(word)) return true;
  return stat(item.path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function filesRequest(words: string[], place: WordContext): SelectRequest {
  const ids = words.filter((word) => idPattern.test(word)).map((word) => Number(word.replace('#', '')));
  const { paths, names, globs } = itemsOf(
    words.filter((word) => !idPattern.test(word)),
    place,
  );
  return {
    ...(ids.length > 0 && { ids }),
    ...(paths.length > 0 && { paths }),
    ...(names.length > 0 && { names }),
    ...(globs.length > 0 && { globs }),
  };
}

export function itemsOf(words: string[], place: WordContext): { paths: string[]; names: string[]; globs: string[] } {
  const items = words.map((word) => parseItem(word, place));
  return {
    paths: items.flatMap((item) => ('path' in item ? [item.path] : [])),
    names: items.flatMap((item) => ('name' in item ? [`${item.category}/${item.name}`] : [])),
    globs: items.flatMap((item) => ('glob' in item ? [item.glob] : [])),
  };
}

/** Whether a word may be a part of a name: it is no path, no glob and no id. */
export function isPart(text: string, { cwd, exists = existsSync, platform = nodePath }: WordContext): boolean {
  if (idPattern.test(text) || isGlob(text)) return false;
  const isPath = platform.isAbsolute(text) || /^\.\.?[\\/]|[\\/]$/.test(text);
  return !isPath && !exists(platform.resolve(cwd, text));
}

const idPattern = /^#?\d+$/;
