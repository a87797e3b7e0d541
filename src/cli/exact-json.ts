/** `JSON.rawJSON`, which TypeScript does not know yet: what it gives is printed as it was written. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** Parses JSON that is to be printed again: integers beyond 2^53 keep their digits. @throws SyntaxError */
export function parseForPrinting(text: string): unknown {
  const keep = (_name: string, value: unknown, { source = '' }: { source?: string } = {}) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? rawJSON(source) : value;
  return JSON.parse(text, keep as (name: string, value: unknown) => unknown);
}
