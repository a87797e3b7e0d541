import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical } from '../../src/memo/canonical.ts';
import { fieldTexts, itemTexts, parseExact } from '../../src/memo/json-text.ts';
import { keyOf } from '../../src/memo/keys.ts';

const key = (parts: string, ns = 'n', version = '') => keyOf(ns, version, parts);

describe('the key of a computation', () => {
  test('is that of RFC 8785 for every value whose numbers are doubles', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(canonical(value)).toBe(canonicalize(value));
      }),
      { numRuns: 2000 },
    );
  });

  test('does not depend on the order of names, nor on spaces, nor on how a number is written', () => {
    expect(key('{"b":1,"a":[1,2]}')).toBe(key(' { "a" : [1.0, 2e0] , "b": 1 } '));
    expect(key('"\\u00e9"')).toBe(key('"é"'));
    expect(key('-0')).toBe(key('0'));
  });

  test('keeps the digits of seeds of 64 bits', () => {
    expect(key('18446744073709551615')).not.toBe(key('18446744073709551614'));
    expect(canonical(parseExact('{"seed":18446744073709551615}'))).toBe('{"seed":18446744073709551615}');
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (seed) => {
        expect(canonical(parseExact(`[${seed}]`))).toBe(`[${seed}]`);
      }),
    );
  });

  test('is another one in another namespace, and for another version', () => {
    const keys = new Set([key('1'), key('1', 'm'), key('1', 'n', '2'), key('1', 'n2', '')]);
    expect(keys.size).toBe(4);
    expect(key('1')).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each(['NaN', '1e400', '-1e999', '[', '', 'undefined'])('refuses %s', (parts) => {
    expect(() => key(parts)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });

  test('refuses a value of too many levels, in words', () => {
    expect(() => key('['.repeat(1000) + ']'.repeat(1000))).toThrow(/200 levels/);
  });
});

describe('fields as they were written', () => {
  test('are found in any JSON object', () => {
    const spaced = fc.constantFrom('', ' ', '\n\t');
    const object = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(object, spaced, (value, space) => {
        const text = `${space}${JSON.stringify(value, null, space)}${space}`;
        const found = [...fieldTexts(text)].map(([name, field]) => [name, JSON.parse(field)]);
        expect(Object.fromEntries(found)).toEqual(JSON.parse(text));
      }),
      { numRuns: 1000 },
    );
  });

  test('keep what parsing would change', () => {
    const texts = fieldTexts('{"value": {"a": 1.0, "seed": 18446744073709551615} , "ns":"x"}');
    expect(texts.get('value')).toBe('{"a": 1.0, "seed": 18446744073709551615}');
    expect(texts.get('ns')).toBe('"x"');
  });

  test('are found in lists, too', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (items) => {
        expect(itemTexts(JSON.stringify(items, null, 1)).map((text) => JSON.parse(text))).toEqual(
          JSON.parse(JSON.stringify(items)),
        );
      }),
    );
  });
});
