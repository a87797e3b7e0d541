import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { vi } from 'vitest';
import { patience } from './patience.ts';

// Before each file of tests: a machine may become busy while they run.
vi.setConfig({ testTimeout: patience(20_000), hookTimeout: patience(10_000) });

// Every Node and Python that a test starts finds its programs compiled. Vitest switches this off for the sake of its coverage,
// which counts in this process only, and only what Vitest itself has compiled.
const compiled = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'compiled');
delete process.env['NODE_DISABLE_COMPILE_CACHE'];
delete process.env['PYTHONDONTWRITEBYTECODE'];
Object.assign(process.env, { NODE_COMPILE_CACHE: join(compiled, 'node'), PYTHONPYCACHEPREFIX: join(compiled, 'python') });
enableCompileCache(process.env['NODE_COMPILE_CACHE']);
