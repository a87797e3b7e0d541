import { CacheError } from '../core/errors.ts';

/** Maximum fields of a body, levels in it, and objects and lists. No program sends as many; parsing them all takes seconds. */
const mostFields = 1000;
const mostLevels = 1000;
const mostParts = 100_000;

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
/** Brackets and braces are told apart by this bit alone. */
const brace = 0x20;
const [opening, closing] = [0x7b, 0x7d];

/** Checks a JSON text before it is parsed. @throws CacheError BAD_REQUEST when it has too many fields, levels, objects or lists */
export function assertPlainShape(text: Uint8Array): void {
  let level = 0;
  let fields = 1;
  let parts = 0;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    if (byte === quote) at = endOfString(text, at);
    else if (byte === comma && level === 1) fields += 1;
    else if ((byte | brace) === opening) {
      level += 1;
      parts += 1;
    } else if ((byte | brace) === closing) level -= 1;
    if (level > mostLevels) throw new CacheError('BAD_REQUEST', `the body has more than ${mostLevels} levels`);
    if (fields > mostFields) throw new CacheError('BAD_REQUEST', `the body has more than ${mostFields} fields`);
    if (parts > mostParts) throw new CacheError('BAD_REQUEST', `the body has more than ${mostParts} objects and lists`);
  }
}

/** @returns the position of the closing quote, or the end of the text */
function endOfString(text: Uint8Array, start: number): number {
  for (let at = start + 1; ; at += 1) {
    const end = text.indexOf(quote, at);
    if (end < 0) return text.length;
    let slashes = 0;
    while (text[end - 1 - slashes] === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
    at = end;
  }
}
