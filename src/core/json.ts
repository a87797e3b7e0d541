/** `JSON.rawJSON`, which TypeScript does not know yet: its value is printed as it was written. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** JSON prints it with all its digits: seeds have 64 bits. */
export function exactInteger(value: bigint): unknown {
  return rawJSON(String(value));
}

/** Parses JSON that is to be printed again: integers beyond 2^53 keep their digits. @throws SyntaxError */
export function parseForPrinting(text: string): unknown {
  const keep = (_name: string, value: unknown, { source = '' }: { source?: string } = {}) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? rawJSON(source) : value;
  return JSON.parse(text, keep as (name: string, value: unknown) => unknown);
}

/** The value of a JSON text; undefined when it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
