import { posix, win32 } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseItem, selectRequest } from '../../src/cli/items.ts';

const nothingIsThere = { cwd: '/home/me', platform: posix, exists: () => false };
const onWindows = { cwd: 'D:\\work', platform: win32, exists: () => false };

describe('a word names a file when', () => {
  test.each([
    ['/mnt/nas/a.safetensors', '/mnt/nas/a.safetensors'],
    ['./loras/a.safetensors', '/home/me/loras/a.safetensors'],
    ['../a.safetensors', '/home/a.safetensors'],
    ['a.safetensors', '/home/me/a.safetensors'],
    ['dir/', '/home/me/dir'],
  ])('%s is absolute, begins with a dot, or is no category/name', (word, path) => {
    expect(parseItem(word, nothingIsThere)).toEqual({ path });
  });

  test('a file of that name lies in the working directory', () => {
    const place = { ...nothingIsThere, exists: (path: string) => path === '/home/me/loras/a.safetensors' };
    expect(parseItem('loras/a.safetensors', place)).toEqual({ path: '/home/me/loras/a.safetensors' });
  });

  test.each([
    ['C:\\models\\a.safetensors', 'C:\\models\\a.safetensors'],
    ['\\\\nas\\models\\a.safetensors', '\\\\nas\\models\\a.safetensors'],
    ['.\\loras\\a.safetensors', 'D:\\work\\loras\\a.safetensors'],
  ])('%s is a path of Windows', (word, path) => {
    expect(parseItem(word, onWindows)).toEqual({ path });
  });
});

describe('a word names a model of ComfyUI', () => {
  test.each(['loras/SDXL/a.safetensors', 'loras:SDXL/a.safetensors'])('%s', (word) => {
    expect(parseItem(word, nothingIsThere)).toEqual({ category: 'loras', name: 'SDXL/a.safetensors' });
  });

  test('a backslash of Windows separates, and becomes the slash of the name', () => {
    expect(parseItem('loras\\SDXL\\a.safetensors', onWindows)).toEqual({ category: 'loras', name: 'SDXL/a.safetensors' });
  });

  test('a backslash elsewhere is part of a name', () => {
    expect(parseItem('loras/a\\b.safetensors', nothingIsThere)).toEqual({ category: 'loras', name: 'a\\b.safetensors' });
  });
});

test('ids, paths and names of one command line come apart', async () => {
  expect(await selectRequest(['12', '#13', '/a', 'loras/b', 'c'], nothingIsThere)).toEqual({
    ids: [12, 13],
    paths: ['/a', '/home/me/c'],
    names: ['loras/b'],
  });
  expect(await selectRequest(['12'], nothingIsThere)).toEqual({ ids: [12] });
});
