import { CacheError } from '../core/errors.ts';

/** Long integers, and exponents of three digits, which a JavaScript number may not keep. */
const mayNotFit = /\d{16}|[eE]\+?\d{3}/;

/**
 * Parses a JSON text without changing a number: integers that JavaScript's numbers cannot hold become `bigint`.
 * @throws CacheError BAD_REQUEST when the text is no JSON, or has a number beyond the largest double
 */
export function parseExact(text: string): unknown {
  try {
    return mayNotFit.test(text) ? JSON.parse(text, withSource(keepNumber)) : JSON.parse(text);
  } catch (error) {
    if (error instanceof CacheError) throw error;
    throw new CacheError('BAD_REQUEST', 'this is no JSON');
  }
}

function keepNumber(value: unknown, source: string): unknown {
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) throw new CacheError('BAD_REQUEST', `${source.slice(0, 40)} is no finite number`);
  return Number.isSafeInteger(value) || !/^-?\d+$/.test(source) ? value : BigInt(source);
}

/** A reviver that sees how a value was written. TypeScript does not know its third argument yet. */
function withSource(revive: (value: unknown, source: string) => unknown): (name: string, value: unknown) => unknown {
  const reviver = (_name: string, value: unknown, context: { source?: string } = {}) => revive(value, context.source ?? '');
  return reviver as (name: string, value: unknown) => unknown;
}

/** The fields of a JSON object as they were written, by name; of equal names the last counts. The text must be sound JSON. */
export function fieldTexts(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let at = afterSpace(text, afterSpace(text, 0) + 1);
  while (text[at] === '"') {
    const nameEnd = endOfString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const start = afterSpace(text, afterSpace(text, nameEnd) + 1);
    const end = endOfValue(text, start);
    fields.set(name, text.slice(start, end));
    at = afterSpace(text, end);
    if (text[at] === ',') at = afterSpace(text, at + 1);
  }
  return fields;
}

/** The items of a JSON array as they were written. The text must be sound JSON. */
export function itemTexts(text: string): string[] {
  const items: string[] = [];
  let at = afterSpace(text, afterSpace(text, 0) + 1);
  while (at < text.length && text[at] !== ']') {
    const end = endOfValue(text, at);
    items.push(text.slice(at, end));
    at = afterSpace(text, end);
    if (text[at] === ',') at = afterSpace(text, at + 1);
  }
  return items;
}

function afterSpace(text: string, from: number): number {
  let at = from;
  while (/\s/.test(text[at] ?? '')) at += 1;
  return at;
}

/** @returns the position after its closing quote */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    at = text.indexOf('"', at);
    let slashes = 0;
    while (text[at - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return at + 1;
  }
}

function endOfValue(text: string, start: number): number {
  let level = 0;
  const interesting = /["[\]{},\s]/g;
  interesting.lastIndex = start;
  for (let found = interesting.exec(text); found; found = interesting.exec(text)) {
    const { index } = found;
    const [mark] = found;
    if (mark === '"') interesting.lastIndex = endOfString(text, index);
    else if (mark === '[' || mark === '{') level += 1;
    else if (level === 0) return index;
    else if (mark === ']' || mark === '}') level -= 1;
    if (level === 0 && (mark === '"' || mark === ']' || mark === '}')) return interesting.lastIndex;
  }
  return text.length;
}
