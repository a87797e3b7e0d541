import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** Writes the number of files that were loaded as modules, and whether Node's `fetch` was, to `LOADED` at the end. */
const counting = `
  import { writeFileSync } from 'node:fs';
  import { registerHooks } from 'node:module';
  let files = 0;
  registerHooks({ load(url, context, next) { files += Number(url.startsWith('file:')); return next(url, context); } });
  const fetch = () => process.moduleLoadList.some((name) => name.endsWith('undici/undici'));
  process.on('exit', () => writeFileSync(process.env.LOADED, JSON.stringify({ files, fetch: fetch() })));`;

/** What the built program loads for a command; ends it with SIGTERM once it says `until`. */
async function loadedFor(words: string[], until?: RegExp): Promise<{ files: number; fetch: boolean }> {
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
  return JSON.parse(readFileSync(LOADED, 'utf8'));
}

// Each costs a look at the disk, and on Windows one of a scanner of viruses: a start took seconds with 120 of them. To load `fetch`
// takes a tenth of a start.
test('a command loads few files and no fetch, and so does the daemon', { timeout: patience(60_000) }, async () => {
  const command = await loadedFor(['lookup', '/nothing']);
  expect(command.files).toBeLessThan(15);
  const daemon = await loadedFor(['start'], /runs at/);
  expect(daemon.files).toBeGreaterThan(10);
  expect(daemon.files).toBeLessThan(45);
  expect([command.fetch, daemon.fetch]).toEqual([false, false]);
});
