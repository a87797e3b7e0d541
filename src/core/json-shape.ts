import { CacheError } from './errors.ts';

/**
 * Maximum fields of the outermost object (items, if it is a list), levels, objects and lists, and texts with keys. No program sends as
 * many; parsing them all takes seconds.
 */
const most = { fields: 1000, levels: 1000, parts: 100_000, texts: 200_000 };

/** The byte of a double quote. */
export const quote = 0x22;
const [backslash, comma] = [0x5c, 0x2c];
/** Brackets and braces are told apart by this bit alone. */
const brace = 0x20;
const [opening, closing] = [0x7b, 0x7d];

/**
 * Checks a JSON text before it is parsed.
 * @param mostFields maximum fields of the outermost object
 * @throws CacheError BAD_REQUEST when it has too many fields, levels, objects, lists or texts
 */
export function assertPlainShape(text: Uint8Array, mostFields = most.fields): void {
  let level = 0;
  let fields = 1;
  let parts = 0;
  let texts = 0;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    if (byte === quote) {
      at = endOfString(text, at);
      texts += 1;
    } else if (byte === comma && level === 1) fields += 1;
    else if ((byte | brace) === opening) {
      level += 1;
      parts += 1;
    } else if ((byte | brace) === closing) level -= 1;
    if (level > most.levels) throw tooMany(most.levels, 'levels');
    if (fields > mostFields) throw tooMany(mostFields, 'fields');
    if (parts > most.parts) throw tooMany(most.parts, 'objects and lists');
    if (texts > most.texts) throw tooMany(most.texts, 'texts');
  }
}

function tooMany(bound: number, what: string): CacheError {
  return new CacheError('BAD_REQUEST', `the JSON has more than ${bound} ${what}`);
}

/** @param start position of the opening quote  @returns the position of the closing quote, or the end of the text */
export function endOfString(text: Uint8Array, start: number): number {
  for (let at = start + 1; ; at += 1) {
    const end = text.indexOf(quote, at);
    if (end < 0) return text.length;
    let slashes = 0;
    while (text[end - 1 - slashes] === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
    at = end;
  }
}
