import { describe, expect, test } from 'vitest';
import { chooseAll, chooseOne, type Kind } from '../../src/cli/choose.ts';

interface Named {
  key: string;
  name: string;
}
const kind: Kind<Named> = {
  noun: 'copy',
  plural: 'copies',
  names: ({ name }) => [name],
  id: ({ key }) => key,
  list: 'autocached list',
};
const named = (...names: string[]) => names.map((name, index) => ({ key: `${index}abc${'0'.repeat(60)}`, name }));
const some = named('loras/detail.safetensors', 'loras/Detail_XL.safetensors', 'vae/Größe.safetensors', 'vae/细节.safetensors');
const one = (word: string) => chooseOne(word, some, kind).name;

describe('a word means', () => {
  test.each([
    ['the thing of that name', 'loras/detail.safetensors', 'loras/detail.safetensors'],
    ['one that is so named in other case', 'LORAS/DETAIL.SAFETENSORS', 'loras/detail.safetensors'],
    ['the one whose id begins with it', '2abc', 'vae/Größe.safetensors'],
    ['the one with it in its name', 'xl', 'loras/Detail_XL.safetensors'],
    ['the same with umlauts', 'GRÖSSE'.replace('SS', 'ß'), 'vae/Größe.safetensors'],
    ['the same in Chinese', '细节', 'vae/细节.safetensors'],
    ['the only match of a glob', '*XL*', 'loras/Detail_XL.safetensors'],
  ])('%s', (_, word, name) => expect(one(word)).toBe(name));

  test('all matches of a glob, where several may be named', () => {
    expect(chooseAll('loras/*', some, kind).map(({ name }) => name)).toHaveLength(2);
    expect(() => chooseAll('detail', some, kind)).toThrow('2 copies match');
  });
});

test('several candidates are listed, at most ten of them', () => {
  const many = named(...Array.from({ length: 13 }, (_, index) => `loras/style-${index}.safetensors`));
  expect(() => chooseOne('style', many, kind)).toThrow(
    /13 copies match "style":(\n {2}\S+ {2}loras\/style-\d+\.safetensors){10}\n {2}and 3 more$/,
  );
});

test('none of that name: the nearest one is suggested, or the command that lists them', () => {
  const missed = (word: string) => {
    try {
      return one(word);
    } catch (error) {
      return error;
    }
  };
  expect(missed('loras/detial.safetensors')).toMatchObject({
    code: 'NOT_FOUND',
    message: 'no copy matches "loras/detial.safetensors"',
    hint: expect.stringContaining('did you mean'),
  });
  expect(missed('qqq')).toMatchObject({ code: 'NOT_FOUND', hint: 'autocached list' });
});
