import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { mirrorPath } from '../../src/tiers/mirror.ts';
import { dropLinkElsewhere } from '../../src/upkeep/moved-cache.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test('a link of a cache that was moved goes with its own directories, also when one above them is called "files"', () => {
  const dir = tempDir();
  const cache = join(dir, 'files', 'ssd', 'autocached');
  const source = join(dir, 'a.ckpt');
  const path = join(cache, 'files', mirrorPath(join(dir, 'models'), join('files', 'a.ckpt')));
  writeFileSync(source, 'a');
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(source, path);
  dropLinkElsewhere(path, source);
  expect(existsSync(cache)).toBe(false);
  expect(existsSync(join(dir, 'files', 'ssd'))).toBe(true);
  expect(existsSync(source)).toBe(true);
});
