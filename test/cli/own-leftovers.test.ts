import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeCacheRest } from '../../src/cli/own-leftovers.ts';
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
