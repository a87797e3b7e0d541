import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { touch } from '../../src/tiers/touch-shell.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test.runIf(process.platform === 'linux')(
  'many files at once get their mtimes to the nanosecond, whatever their names',
  async () => {
    const dir = tempDir();
    const names = ['a', "it's", '-r', '$(touch x)', '`id`', 'a\nb', 'a b ', '"', '\\', "';echo '"];
    const files = Array.from({ length: 50 }, (_, index) => ({
      path: join(dir, `${index}${names[index % names.length]}`),
      mtimeNs: String(1_700_000_000_123_456_789n + BigInt(index)),
    }));
    for (const { path } of files) writeFileSync(path, '');
    await Promise.all(files.map(({ path, mtimeNs }) => touch(path, mtimeNs)));
    expect(files.map(({ path }) => String(statSync(path, { bigint: true }).mtimeNs))).toEqual(
      files.map(({ mtimeNs }) => mtimeNs),
    );
  },
);

test.runIf(process.platform !== 'win32')('a file that is not there is not made, and the next one is served', async () => {
  const dir = tempDir();
  await touch(join(dir, 'gone'), '1700000000123456789');
  expect(() => statSync(join(dir, 'gone'))).toThrow('ENOENT');
  const there = join(dir, 'there');
  writeFileSync(there, '');
  await touch(there, '1700000000123456789');
  expect(statSync(there).isFile()).toBe(true);
});
