import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { startBuiltModules } from '../../src/runtime/package.ts';
import { isBuilt } from './built.ts';
import './compare-bytes.ts';
import { finishFile } from './file-finished.ts';
import { patience } from './patience.ts';
import { roomyMemory } from './temp-dir.ts';

// Before each file of tests: a machine may become busy while they run.
vi.setConfig({ testTimeout: patience(20_000), hookTimeout: patience(10_000) });

// Every Node and Python that a test starts finds its programs compiled. Vitest switches this off for the sake of its coverage,
// which counts in this process only, and only what Vitest itself has compiled.
const compiled = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'compiled');
delete process.env['NODE_DISABLE_COMPILE_CACHE'];
delete process.env['PYTHONDONTWRITEBYTECODE'];
delete process.env['FORCE_COLOR'];
Object.assign(process.env, {
  NODE_COMPILE_CACHE: join(compiled, 'node'),
  PYTHONPYCACHEPREFIX: join(compiled, 'python'),
  // Pages are compared as text, whatever the terminal of the test run can show.
  NO_COLOR: '1',
});
enableCompileCache(process.env['NODE_COMPILE_CACHE']);
if (isBuilt) startBuiltModules();

// Tests of these rooms would wait for the disk most of the time: for databases that are made, synced and thrown away.
const inMemory = /test[\\/](catalog|memo)[\\/]/;
process.env['DISK_TMPDIR'] ??= tmpdir();
const memory = inMemory.test(expect.getState().testPath ?? '') ? roomyMemory() : null;
process.env['TMPDIR'] = memory ?? process.env['DISK_TMPDIR'];

// The next file of this process finds everything as this one did.
const environment = { ...process.env };
afterAll(async () => {
  await finishFile();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});
