import { CacheError } from './errors.ts';

const powers = ['k', 'm', 'g', 't', 'p'];
const milliseconds: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const yes = ['1', 'true', 'yes', 'on'];
const no = ['0', 'false', 'no', 'off'];

/** Maximum length of a duration, and of a value in an error. */
const mostLetters = 100;

/** A value as an error shows it: its begin, where it is long. */
export function shortened(text: string): string {
  return text.length > mostLetters ? `${text.slice(0, mostLetters)}…` : text;
}

/** The error for an unexpected value: names the expected and the given one. */
export function expected(what: string, got: string): CacheError {
  return new CacheError('BAD_REQUEST', `expected ${what}, got ${got === '' ? 'nothing' : `"${shortened(got)}"`}`);
}

/**
 * Bytes: `200GiB`, `1.5TB`, `16M`, `1048576`. KB, MB, GB, TB, PB count in thousands; KiB, MiB, … and the lone letters K, M, … in
 * 1024s, as everywhere in this program. Any case, a space before the unit is fine.
 * @throws CacheError BAD_REQUEST
 */
export function parseSize(text: string): number {
  const what = 'a size such as 200GiB, 500MB or a number of bytes';
  const [, amount, letter, form] = /^(\d+(?:\.\d+)?)\s*(?:([kmgtp])(ib?|b)?|b)?$/i.exec(text.trim()) ?? [];
  if (amount === undefined) throw expected(what, text);
  const base = form?.toLowerCase() === 'b' ? 1000 : 1024;
  const bytes = Math.round(Number(amount) * base ** (letter ? powers.indexOf(letter.toLowerCase()) + 1 : 0));
  if (!Number.isSafeInteger(bytes)) throw expected('a size below 8PiB', text);
  return bytes;
}

/**
 * A share from 0 to 1, written in percent: `80%` is 0.8.
 * @throws CacheError BAD_REQUEST
 */
export function parseShare(text: string): number {
  const [, amount] = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim()) ?? [];
  if (amount === undefined || Number(amount) > 100) throw expected('a share from 0% to 100%', text);
  return Number(amount) / 100;
}

/**
 * Milliseconds: `10m`, `1h30m`, `500ms`, `1.5h`, `30d`, `2w`, and `0` without a unit.
 * @throws CacheError BAD_REQUEST
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim().toLowerCase();
  if (trimmed === '0') return 0;
  // Millions of parts would exhaust the stack of the expression.
  if (trimmed.length > mostLetters || !/^(?:\d+(?:\.\d+)?\s*(?:ms|[smhdw])\s*)+$/.test(trimmed))
    throw expected('a duration such as 500ms, 10m, 1h30m or 30d', text);
  const parts = trimmed.matchAll(/([\d.]+)\s*(ms|[smhdw])/g);
  const total = Math.round(
    [...parts].reduce((sum, [, amount, unit]) => sum + Number(amount) * (milliseconds[unit ?? ''] ?? 0), 0),
  );
  if (!Number.isSafeInteger(total)) throw expected('a duration below 285000 years', text);
  return total;
}

/**
 * Bytes per second: a size, with or without `/s`.
 * @throws CacheError BAD_REQUEST
 */
export function parseRate(text: string): number {
  try {
    return parseSize(text.trim().replace(/\s*\/s$/i, ''));
  } catch {
    throw expected('bytes per second such as 200MiB or 200MiB/s', text);
  }
}

/**
 * 1/0, true/false, yes/no, on/off in any case.
 * @throws CacheError BAD_REQUEST
 */
export function parseBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (!yes.includes(word) && !no.includes(word)) throw expected('1 or 0 (true/false, yes/no, on/off)', text);
  return yes.includes(word);
}
