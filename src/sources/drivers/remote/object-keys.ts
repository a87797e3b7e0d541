import { sep } from 'node:path';
import { isSkippedName } from '../../../weights/extensions.ts';

/** Names that mean something else than themselves to a file system: no path stands for them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unnameable = /^\.{0,2}$|[\\\u0000-\u001f\u007f]/;
/** The longest name of a file on Linux, bytes; a key may be longer. */
const longestName = 255;

/** Whether each part of a key can be a name in a folder, and the key be found again from that path. */
export function isPlainKey(key: string): boolean {
  return (
    key.split('/').every((name) => !unnameable.test(name) && Buffer.byteLength(name) <= longestName) &&
    key.isWellFormed() &&
    !(sep === '\\' && /^[a-z]:/i.test(key))
  );
}

/** Whether a walk of a folder would leave a file of this name out. */
export function isSkippedKey(key: string): boolean {
  return key.split('/').some(isSkippedName);
}

/** The key of a path below the root. */
export function keyOf(root: string, path: string): string {
  return path.slice(root.length).split(sep).filter(Boolean).join('/');
}

/** The path below a folder that a key stands for. @param folder key of the folder; `''` = the top */
export function relOf(folder: string, key: string): string {
  return (folder === '' ? key : key.slice(folder.length + 1)).split('/').join(sep);
}

/** The folders that a key lies in, from the top down, without the top itself. */
export function foldersOf(key: string): string[] {
  const names = key.split('/').slice(0, -1);
  return names.map((_, at) => names.slice(0, at + 1).join('/'));
}
