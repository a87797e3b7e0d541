import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assertPlainShape } from '../../src/core/json-shape.ts';

const look = (text: string) => () => assertPlainShape(Buffer.from(text));

test('what programs send passes, whatever its strings hold', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      expect(look(text)).not.toThrow();
    }),
  );
  for (const string of ['[[[', '\\', '\\"', '",,,{', 'a\\\\', '\u{1f600}'])
    expect(look(JSON.stringify({ note: string.repeat(5000), more: [string] }))).not.toThrow();
  const words = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`word ${index}`, index]));
  expect(look(JSON.stringify({ ns: 'words', value: words }))).not.toThrow();
});

test.each([
  ['fields', JSON.stringify(Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`k${index}`, index])))],
  ['fields', JSON.stringify(Array.from({ length: 1001 }, () => '",'))],
  [
    'texts',
    JSON.stringify({ prompt: Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`k${index}`, index])) }),
  ],
  ['texts', JSON.stringify({ paths: Array.from({ length: 200_000 }, () => 'a') })],
  ['levels', '{"a":'.repeat(1001)],
  ['levels', `{"note":"\\\\\\"","a":${'['.repeat(1001)}`],
  ['objects', JSON.stringify({ roots: Array.from({ length: 100_000 }, () => ({ path: '/models' })) })],
  ['lists', `{"vectors":[${'[],'.repeat(100_000)}[]]}`],
])('too many %s do not', (what, text) => {
  expect(look(text)).toThrow(what);
});

test('a string that is not closed, and brackets that do not fit, are left to the parser', () => {
  for (const text of ['"abc', '"abc\\\\\\', ']]]]', '{"a":"']) expect(look(text)).not.toThrow();
});
