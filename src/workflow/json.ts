import { assertPlainShape, endOfString, quote } from '../core/json-shape.ts';
import { limits, unreadable } from './limits.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value when it is a list, otherwise an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Node and link ids are numbers in some formats and strings in others. */
export function idOf(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

/** A name or type as text; anything but a short text or a number is no name. */
export function textOf(value: unknown): string {
  const text = idOf(value);
  return text !== null && text.length <= limits.nameLength ? text : '';
}

/**
 * Parses JSON, and also the NaN and infinities of Python's `json.dumps`, which older ComfyUI versions wrote into prompts
 * (`"is_changed": [NaN]`).
 *
 * @throws CacheError BAD_REQUEST
 */
export function parseJson(text: string): unknown {
  if (text.length > limits.textBytes) throw unreadable(`the JSON is larger than ${limits.textBytes / 1024 / 1024} MiB`);
  assertPlainShape(Buffer.from(text), limits.nodes);
  try {
    return JSON.parse(text);
  } catch (strict) {
    if (!/\b(NaN|Infinity)\b/.test(text)) throw unreadable('the document is not JSON', strict);
  }
  try {
    return JSON.parse(withoutNaN(text));
  } catch (cause) {
    throw unreadable('the document is not JSON', cause);
  }
}

/** The text with null for each NaN and infinity outside of its strings. One expression for both would exhaust the stack on long strings. */
function withoutNaN(text: string): string {
  const bytes = Buffer.from(text);
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const found = bytes.indexOf(quote, at);
    const string = found < 0 ? bytes.length : found;
    parts.push(bytes.toString('utf8', at, string).replace(/-?\b(?:NaN|Infinity)\b/g, 'null'));
    at = string === bytes.length ? string : endOfString(bytes, string) + 1;
    parts.push(bytes.toString('utf8', string, at));
  }
  return parts.join('');
}
