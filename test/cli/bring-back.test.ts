import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bringBack, planBringBack } from '../../src/cli/bring-back.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A note beside a model as it was copied, and what a program wrote to its copy. */
function arrange() {
  const dir = tempDir();
  const [path, source] = [join(dir, 'copy.txt'), join(dir, 'a.txt')];
  writeFileSync(path, 'of the program');
  writeFileSync(source, 'mine, 1');
  const { size, mtimeNs, ctimeNs, ino } = statSync(source, { bigint: true });
  const was = { size: Number(size), mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), ino: String(ino) };
  const file = { path, source, root: dir, bytes: 14, mtimeNs: String(mtimeNs), was };
  return { source, file };
}

describe("bringing a program's note back", () => {
  test('replaces the one that was copied', async () => {
    const { source, file } = arrange();
    const plan = await planBringBack(file);
    expect(plan.step).toBe('replace');
    await bringBack(plan);
    expect(readFileSync(source, 'utf8')).toBe('of the program');
  });

  // Windows keeps no such time that programs cannot set.
  test.runIf(process.platform !== 'win32')(
    'leaves one that the user has rewritten since, with its size and time as they were',
    async () => {
      const { source, file } = arrange();
      const { atime, mtime } = statSync(source);
      writeFileSync(source, 'mine, 2');
      utimesSync(source, atime, mtime);
      // The time of this file system is finer than that of the call.
      const now = String(statSync(source, { bigint: true }).mtimeNs);
      const plan = await planBringBack({ ...file, was: { ...file.was, mtimeNs: now } });
      expect(plan.step).toBe('changed');
    },
  );
});
