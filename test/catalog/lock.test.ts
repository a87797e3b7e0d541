import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
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

describe.runIf(process.platform === 'linux')('a lock whose files were removed', () => {
  const files = (dir: string) => ['autocached.lock', '.autocached.lock'].map((name) => join(dir, name));
  const remove = (dir: string) => {
    for (const file of files(dir)) rmSync(file);
  };

  test('still keeps another daemon out, which names its holder; when that ends it is free', async () => {
    const dir = tempDir();
    const child = await otherDaemon(dir);
    remove(dir);
    for (const _try of [1, 2]) {
      expect(() => lockDirectory(dir, 'cache directory')).toThrow(
        expect.objectContaining({ code: 'ALREADY_RUNNING', message: expect.stringContaining(`pid ${child.pid}`) }),
      );
    }
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    lockDirectory(dir, 'cache directory')();
  });

  test('is put back by its holder', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const dir = tempDir();
    const onLost = vi.fn();
    onTestFinished(lockDirectory(dir, 'cache directory', { onLost }));
    remove(dir);
    vi.advanceTimersByTime(5_000);
    expect(files(dir).every((file) => existsSync(file))).toBe(true);
    expect(() => lockDirectory(dir, 'cache directory')).toThrow(refused);
    expect(onLost).not.toHaveBeenCalled();
  });

  test('is lost to a daemon that has got in all the same, and then its holder is told', async () => {
    const dir = tempDir();
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const onLost = vi.fn();
    const unlock = lockDirectory(dir, 'cache directory', { onLost });
    onTestFinished(unlock);
    // As on a system that does not tell who has removed files open: another one locks files that it made itself.
    for (const file of files(dir)) renameSync(file, `${file}.elsewhere`);
    await otherDaemon(dir);
    vi.advanceTimersByTime(5_000);
    expect(onLost).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'ALREADY_RUNNING' }));
  });
});

test('two directories are two locks', () => {
  const dir = tempDir();
  for (const name of ['one', 'two']) {
    mkdirSync(join(dir, name));
    onTestFinished(lockDirectory(join(dir, name), 'cache directory'));
  }
});
