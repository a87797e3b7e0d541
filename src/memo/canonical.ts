import { CacheError } from '../core/errors.ts';

/** Maximum depth of a JSON value. */
const mostLevels = 200;

/**
 * The one text of a JSON value, by RFC 8785: names in the order of their UTF-16 units, numbers as ECMAScript prints them. Integers
 * beyond 2^53 keep their digits, where the RFC would round them: seeds have 64 bits.
 * @throws CacheError BAD_REQUEST for a number that is not finite, for more than 200 levels, and for a value that JSON does not have
 */
export function canonical(value: unknown, level = 0): string {
  if (level > mostLevels) throw new CacheError('BAD_REQUEST', `a key has at most ${mostLevels} levels`);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, level + 1)).join()}]`;
  if (typeof value !== 'object') throw new CacheError('BAD_REQUEST', `a key cannot have the value ${String(value)}`);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field, level + 1)}`).join()}}`;
}
