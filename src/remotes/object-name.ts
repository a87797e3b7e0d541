import { sep } from 'node:path';

/** The longest name and path that all file systems take, bytes of UTF-8. */
const longestName = 255;
const longestPath = 1024;
/** Control characters, and what Windows does not take or reads as something else. */
const strange = /\p{Cc}|[\\:*?"<>|]/u;
const windowsDevice = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/**
 * The path of an object's placeholder below the directory of its remote, with the platform's separators. Null for a key that no file
 * may have: one that leads out of the directory, or whose name is not a plain one on every system.
 */
export function placeholderPath(key: string): string | null {
  if (strange.test(key) || !key.isWellFormed() || Buffer.byteLength(key) > longestPath) return null;
  const parts = key.split('/');
  return parts.every(isPlainName) ? parts.join(sep) : null;
}

function isPlainName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || Buffer.byteLength(name) > longestName) return false;
  // Windows drops a dot or a space at the end: two names would be one file.
  return !/[. ]$/.test(name) && !windowsDevice.test(name);
}
