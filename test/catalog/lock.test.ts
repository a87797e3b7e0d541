import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { lockDirectory } from '../../src/catalog/lock.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const holder = fileURLToPath(new URL('../helpers/hold-lock.ts', import.meta.url));

/** A process that holds the lock of `dir`. */
async function otherDaemon(dir: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [holder, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout ?? child, 'data');
  return child;
}

const refused = expect.objectContaining({
  code: 'ALREADY_RUNNING',
  message: expect.stringContaining('cache directory'),
  hint: expect.stringContaining('AUTOCACHE_DIR'),
});

test('a second daemon on the same directory is refused, and the first one goes on', async () => {
  const dir = tempDir();
  const child = await otherDaemon(dir);
  for (const _try of [1, 2]) expect(() => lockDirectory(dir, 'cache directory')).toThrow(refused);
  expect(child.exitCode).toBeNull();
});

test.skipIf(process.platform === 'win32')(
  'a daemon that was killed leaves nothing that keeps the next one from starting',
  async () => {
    const dir = tempDir();
    const child = await otherDaemon(dir);
    expect(() => lockDirectory(dir, 'cache directory')).toThrow(refused);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    expect(await exit).toEqual([null, 'SIGKILL']);
    const unlock = lockDirectory(dir, 'cache directory');
    onTestFinished(unlock);
  },
);

test('one process cannot take it twice, and can take it again after it let go', () => {
  const dir = tempDir();
  const unlock = lockDirectory(dir, 'cache directory');
  expect(() => lockDirectory(dir, 'cache directory')).toThrow(refused);
  unlock();
  lockDirectory(dir, 'cache directory')();
});

test('two directories are two locks', () => {
  const dir = tempDir();
  for (const name of ['one', 'two']) {
    mkdirSync(join(dir, name));
    onTestFinished(lockDirectory(join(dir, name), 'cache directory'));
  }
});
