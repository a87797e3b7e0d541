import { CacheError } from '../core/errors.ts';

/** Headers larger than any real file has are refused, so that a hostile one cannot fill the memory. */
export const maxJsonBytes = 16 * 1024 * 1024;
/** Our two formats nest three and four deep. A million open brackets would cost fifty times their size as objects. */
const maxDepth = 8;

/**
 * The JSON object in `bytes`.
 * @param what its name in messages
 * @throws CacheError CORRUPT
 */
export function parseJsonObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  if (bytes.length > maxJsonBytes) throw new CacheError('CORRUPT', `${what} is larger than 16 MiB`);
  if (depthOf(bytes) > maxDepth) throw new CacheError('CORRUPT', `${what} is nested too deeply`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CacheError('CORRUPT', `${what} is not JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CacheError('CORRUPT', `${what} is not a JSON object`);
  }
  return value as Record<string, unknown>;
}

const [quote, backslash] = [0x22, 0x5c];
const opening = new Set([0x5b, 0x7b]);
const closing = new Set([0x5d, 0x7d]);

function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === quote) inString = !inString;
    else if (inString) i += byte === backslash ? 1 : 0;
    else if (opening.has(byte)) deepest = Math.max(deepest, ++depth);
    else if (closing.has(byte)) depth--;
  }
  return deepest;
}
