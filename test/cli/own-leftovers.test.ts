import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeCacheRest, removeState } from '../../src/cli/own-leftovers.ts';
import { makePlaceholder } from '../../src/remotes/placeholder.ts';
import { reportKey, writeReport } from '../../src/variants/report.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';

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

test('the variants that were made go, with what told ComfyUI of them; a file that only has such a name stays', async () => {
  const [cache, state] = [tempDir(), tempDir()];
  writeFileSync(join(cache, '.autocached'), '');
  const nameOf = (name: string) => join(cache, 'variants', 'loras', `${name}.autocached-fp8.safetensors`);
  const report = { recipe: { to: 'fp8' as const, fastMatmul: false, dropUnused: false }, architecture: 'wan', layers: [] };
  const text = writeReport({ ...report, version: 1, source: { sha256: '0'.repeat(64), bytes: 1 } });
  writeSafetensors(nameOf('made'), tinyWan(), { [reportKey]: text });
  writeSafetensors(nameOf('mine'), tinyWan());
  writeFileSync(nameOf('broken'), 'mine');
  mkdirSync(join(state, 'variants'));
  writeFileSync(join(state, 'variants', 'folders.json'), '{}');
  expect((await removeCacheRest(cache)).toSorted()).toEqual([nameOf('broken'), nameOf('mine')]);
  expect(await removeState(state)).toEqual([]);
  expect([existsSync(nameOf('made')), existsSync(state)]).toEqual([false, false]);
});
