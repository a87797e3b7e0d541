import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseItemList } from '../../src/cli/item-list.ts';

const nothing = () => false;

describe('a list file', () => {
  test('holds an item a line, or several with commas, and comments', () => {
    const text = '\ufeff# favourites\n\nloras:a.safetensors, loras/b.safetensors # both\r\n  /mnt/nas/c d.gguf  \n,,\n';
    expect(parseItemList(text, nothing)).toEqual(['loras:a.safetensors', 'loras/b.safetensors', '/mnt/nas/c d.gguf']);
  });

  test('keeps a # inside a name', () => {
    expect(parseItemList('loras/style#2.safetensors', nothing)).toEqual(['loras/style#2.safetensors']);
  });

  test('keeps the commas of a file that is there', () => {
    const there = (word: string) => word === '/models/a, b #1.ckpt';
    expect(parseItemList('/models/a, b #1.ckpt\nc, d', there)).toEqual(['/models/a, b #1.ckpt', 'c', 'd']);
  });

  test('may be a JSON array', () => {
    expect(parseItemList(' ["a, b", "loras/c"]\n', nothing)).toEqual(['a, b', 'loras/c']);
  });

  test.each(['["a",', '[1]', '[["a"]]'])('%s is refused with how it should look', (text) => {
    expect(() => parseItemList(text, nothing)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', hint: expect.any(String) }),
    );
  });

  test('gives back every plain name that went in', () => {
    const name = fc.stringMatching(/^[a-z/][a-z0-9_/.-]{0,20}$/);
    fc.assert(
      fc.property(fc.array(name), (names) => {
        expect(parseItemList(names.join('\n'), nothing)).toEqual(names);
      }),
    );
  });
});
