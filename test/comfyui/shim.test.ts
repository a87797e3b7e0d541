import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patience } from '../helpers/patience.ts';
import { countPythonTests, runPythonTests } from '../helpers/python-tests.ts';

const here = import.meta.dirname;
const shim = join(here, '..', '..', 'comfyui');
const realTests = 'test_real_comfyui.py';

test('the resolver inside ComfyUI passes its own tests', { timeout: patience(120_000) }, async () => {
  const files = readdirSync(here).filter((name) => /^test_.*\.py$/.test(name) && name !== realTests);
  const expected = files.map((file) => countPythonTests(here, file)).reduce((sum, count) => sum + count, 0);
  expect(expected).toBeGreaterThan(50);
  expect(await passing('test_*.py')).toBeGreaterThanOrEqual(expected);
});

test.skipIf(!process.env['COMFYUI_DIR'])(
  'the resolver works in the ComfyUI at COMFYUI_DIR',
  { timeout: patience(120_000) },
  async () => {
    expect(await passing(realTests)).toBe(countPythonTests(here, realTests));
  },
);

test('the registry of custom nodes is told the version of the package', () => {
  const version = /^version = "(.*)"$/m.exec(readFileSync(join(shim, '..', 'pyproject.toml'), 'utf8'))?.[1];
  expect(version).toBe(JSON.parse(readFileSync(join(shim, '..', 'package.json'), 'utf8')).version);
});

/** How many tests ran and passed, or are of another platform. */
async function passing(pattern: string): Promise<number> {
  const { found, leftOut } = await runPythonTests(here, pattern);
  return found - leftOut.filter((why) => !/^(no symbolic links|only Linux|there is no torch)/.test(why)).length;
}
