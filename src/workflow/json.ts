import { assertPlainShape } from '../core/json-shape.ts';
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
  // An unclosed string matches as a whole, so that the rest of the text is not scanned again from each of its quotes.
  const withoutNaN = text.replace(/"[^"\\]*(?:\\.?[^"\\]*)*(?:"|$)|-?\b(?:NaN|Infinity)\b/gs, (token) =>
    token.startsWith('"') ? token : 'null',
  );
  try {
    return JSON.parse(withoutNaN);
  } catch (cause) {
    throw unreadable('the document is not JSON', cause);
  }
}
