import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { closeDirectory, readPrivately, troubleWith, writePrivately } from '../../src/runtime/private-file.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const hasModes = process.platform !== 'win32';

describe.runIf(hasModes)('what only this user may write', () => {
  test('is written past links that somebody has planted, under a name that nobody can guess', () => {
    const dir = tempDir();
    const victim = join(dir, 'victim');
    writeFileSync(victim, 'precious');
    for (const name of ['token', 'token.new']) symlinkSync(victim, join(dir, name));
    writePrivately(join(dir, 'token'), 'secret');
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(readFileSync(join(dir, 'token'), 'utf8')).toBe('secret');
    expect(statSync(join(dir, 'token')).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir).sort()).toEqual(['token', 'token.new', 'victim']);
  });

  test('is not read when others can write it, or a secret when they can read it, or through a link', () => {
    const file = join(tempDir(), 'token');
    writeFileSync(file, 'secret');
    const modes: [number, 'ours' | 'secret', boolean][] = [
      [0o600, 'secret', true],
      [0o400, 'secret', true],
      [0o640, 'secret', false],
      [0o604, 'secret', false],
      [0o644, 'ours', true],
      [0o664, 'ours', false],
      [0o646, 'ours', false],
    ];
    for (const [mode, rule, isRead] of modes) {
      chmodSync(file, mode);
      const read = () => readPrivately(file, rule);
      if (isRead) expect(read()).toBe('secret');
      else expect(read, mode.toString(8)).toThrow('other users');
    }
    chmodSync(file, 0o600);
    symlinkSync(file, `${file}.link`);
    expect(() => readPrivately(`${file}.link`, 'secret')).toThrow();
    expect(() => readPrivately(join(file, '..'), 'ours')).toThrow();
    expect(readPrivately(`${file}.link`, 'any')).toBe('secret');
  });

  test('is not believed when another user owns it', () => {
    expect(troubleWith({ uid: 1001, mode: 0o600 }, 0o022, 1000)).toContain('another user');
    expect(troubleWith({ uid: 0, mode: 0o644 }, 0o022, 1000)).toBeNull();
  });

  test('a directory that others may write to is closed, one of another user is refused', () => {
    const dir = join(tempDir(), 'state');
    mkdirSync(dir);
    chmodSync(dir, 0o755);
    closeDirectory(dir, 'all', 'AUTOCACHE_STATE');
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    chmodSync(dir, 0o777);
    closeDirectory(dir, 'writers', 'AUTOCACHE_DIR');
    expect(statSync(dir).mode & 0o777).toBe(0o755);
    expect(() => closeDirectory(dir, 'all', 'AUTOCACHE_STATE', 4711)).toThrow('belongs to another user');
  });
});
