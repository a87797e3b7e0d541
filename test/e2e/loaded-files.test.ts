import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** Writes the number of files that were loaded as modules, at the end, to `LOADED`. */
const counting = `
  import { writeFileSync } from 'node:fs';
  import { registerHooks } from 'node:module';
  let files = 0;
  registerHooks({ load(url, context, next) { files += Number(url.startsWith('file:')); return next(url, context); } });
  process.on('exit', () => writeFileSync(process.env.LOADED, String(files)));`;

/** @returns how many files the built program loads for a command; ends it with SIGTERM once it says `until` */
async function loadedFor(words: string[], until?: RegExp): Promise<number> {
  const dir = tempDir();
  const LOADED = join(dir, 'loaded');
  const settings = {
    AUTOCACHE_STATE: join(dir, 'state'),
    AUTOCACHE_DIR: join(dir, 'cache'),
    AUTOCACHE_ROOTS: join(dir, 'models'),
    AUTOCACHE_LISTEN: '127.0.0.1:0',
  };
  const program = join(import.meta.dirname, '../../dist/bin/autocached.js');
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(counting)}`, program, ...words],
    {
      env: { PATH: process.env['PATH'], HOME: dir, LOADED, ...settings },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  let out = '';
  child.stdout.on('data', (text) => {
    out += text;
    if (until?.test(out)) child.kill('SIGTERM');
  });
  await once(child, 'exit');
  return Number(readFileSync(LOADED, 'utf8'));
}

// Each costs a look at the disk, and on Windows one of a scanner of viruses: a start took seconds with 120 of them.
test('a command loads few files, and so does the daemon', { timeout: patience(60_000) }, async () => {
  expect(await loadedFor(['lookup', '/nothing'])).toBeLessThan(15);
  const daemon = await loadedFor(['start'], /runs at/);
  expect(daemon).toBeGreaterThan(10);
  expect(daemon).toBeLessThan(45);
});
