import { sep } from 'node:path';

/** Maximum length of a name that all file systems allow, bytes of UTF-8. */
const longestName = 255;
const longestPath = 1024;
/** Control characters, and characters that Windows refuses or interprets. */
const strange = /\p{Cc}|[\\:*?"<>|]/u;
const windowsDevice = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/**
 * The path of an object's placeholder below the directory of its remote, with the platform's separators. Null for a key that leads out of
 * the directory, or whose name is not a plain one on every system.
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
