import { sep } from 'node:path';
import { isSkippedName } from '../../../weights/extensions.ts';

/** Names with a special meaning to file systems, which no path can have. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unnameable = /^\.{0,2}$|[\\\u0000-\u001f\u007f]/;
/** Maximum length of a file name on Linux, bytes; a key may be longer. */
const longestName = 255;

/** Whether each part of a key can be a file name, and the path leads back to the key. */
export function isPlainKey(key: string): boolean {
  return (
    key.split('/').every((name) => !unnameable.test(name) && Buffer.byteLength(name) <= longestName) &&
    key.isWellFormed() &&
    !(sep === '\\' && /^[a-z]:/i.test(key))
  );
}

/** Whether a walk of a folder would skip a file of this name. */
export function isSkippedKey(key: string): boolean {
  return key.split('/').some(isSkippedName);
}

/** The key of a path below the root. */
export function keyOf(root: string, path: string): string {
  return path.slice(root.length).split(sep).filter(Boolean).join('/');
}

/** The path of a key below a folder. @param folder key of the folder; `''` = the top */
export function relOf(folder: string, key: string): string {
  return (folder === '' ? key : key.slice(folder.length + 1)).split('/').join(sep);
}

/** The folders of a key, from the top down, without the top itself. */
export function foldersOf(key: string): string[] {
  const names = key.split('/').slice(0, -1);
  return names.map((_, at) => names.slice(0, at + 1).join('/'));
}
