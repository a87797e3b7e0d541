/** Maximum nesting of parameters: no program nests deeper, and the daemon refuses it. */
const mostLevels = 200;

/**
 * The JSON text of the parts of a key; equal parts give equal texts. A `bigint` is written with all its digits.
 * @throws TypeError for values outside JSON: they would be left out of the key, and another call would get this one's result
 */
export function partsText(value: unknown, path = 'the key', level = 0): string {
  if (level > mostLevels) throw new TypeError(`${path}: has more than ${mostLevels} levels${hint}`);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  // Not map(): it passes over holes.
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item, index) => partsText(item, `${path}[${index}]`, level + 1)).join()}]`;
  }
  if (!isPlainObject(value)) throw new TypeError(`${path} is ${nameOf(value)}, and no JSON${hint}`);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${partsText(field, `${path}.${name}`, level + 1)}`).join()}}`;
}

const hint = '; a "key" function can say what it stands for, such as memo.bytes(buffer)';

/** An object as JSON has them: neither a class made it, nor are there fields that JSON does not see. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain && !Array.isArray(value) && Object.getOwnPropertySymbols(value).length === 0;
}

/** A value for an error message: NaN, a function, a Date. */
export function nameOf(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`;
  const made = Object.getPrototypeOf(value)?.constructor;
  return typeof made === 'function' && made !== Object ? `a ${made.name}` : 'an object with symbols';
}
