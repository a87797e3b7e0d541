import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeCacheRest, removeState } from '../../src/cli/own-leftovers.ts';
import { makePlaceholder } from '../../src/remotes/placeholder.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test("a folder of somebody else that is called as the one of results stays, and autocached's own goes", async () => {
  const dir = tempDir();
  const [file, marker] = [join(dir, 'memo', 'mine.txt'), join(dir, 'memo', '.autocached')];
  mkdirSync(join(dir, 'memo'));
  writeFileSync(file, 'mine');
  writeFileSync(join(dir, '.autocached'), '');
  expect(await removeCacheRest(dir)).toEqual([file]);
  writeFileSync(marker, '');
  expect(await removeCacheRest(dir)).toEqual([]);
  expect(existsSync(dir)).toBe(false);
});

test('the placeholders of models on remotes and the key of a farm are not named as files that stay; those of others are', async () => {
  const dir = tempDir();
  const [main, mine] = [join(dir, 'remotes', 'main-01234567'), join(dir, 'remotes', 'other', 'mine.txt')];
  mkdirSync(join(main, 'loras'), { recursive: true });
  mkdirSync(join(dir, 'remotes', 'other'));
  const from = { address: 's3://models', temp: join(main, '.making') };
  await makePlaceholder(join(main, 'loras', 'far.safetensors'), { size: 1_000_000, mtimeNs: '1700000000000000000' }, from);
  writeFileSync(join(dir, 'remotes', 'folders.json'), '{}');
  writeFileSync(join(dir, 'farm.key'), Buffer.alloc(32));
  writeFileSync(mine, 'mine');
  expect(await removeState(dir)).toEqual([mine]);
  expect([main, join(dir, 'farm.key'), join(dir, 'remotes', 'folders.json')].filter((path) => existsSync(path))).toEqual([]);
});
