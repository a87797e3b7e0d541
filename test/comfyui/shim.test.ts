import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patience } from '../helpers/patience.ts';

const here = import.meta.dirname;
const shim = join(here, '..', '..', 'comfyui');
const python = process.platform === 'win32' ? 'python' : 'python3';
const realTests = 'test_real_comfyui.py';

test('the resolver inside ComfyUI passes its own tests', { timeout: patience(120_000) }, () => {
  const files = readdirSync(here).filter((name) => /^test_.*\.py$/.test(name) && name !== realTests);
  const expected = files.map(countTests).reduce((sum, count) => sum + count, 0);
  expect(expected).toBeGreaterThan(50);
  expect(runPassing('test_*.py')).toBeGreaterThanOrEqual(expected);
});

test.skipIf(!process.env['COMFYUI_DIR'])(
  'the resolver works in the ComfyUI at COMFYUI_DIR',
  { timeout: patience(120_000) },
  () => {
    expect(runPassing(realTests)).toBe(countTests(realTests));
  },
);

test('the registry of custom nodes is told the version of the package', () => {
  const version = /^version = "(.*)"$/m.exec(readFileSync(join(shim, 'pyproject.toml'), 'utf8'))?.[1];
  expect(version).toBe(JSON.parse(readFileSync(join(shim, '..', 'package.json'), 'utf8')).version);
});

/** Runs the unittest files of `pattern`; how many tests ran and passed (skipped is what a platform does not have). */
function runPassing(pattern: string): number {
  const run = ['-m', 'unittest', 'discover', '-v', '-s', here, '-p', pattern];
  const { status, error, stderr } = spawnSync(python, run, { encoding: 'utf8' });
  if (error) throw new Error(`the resolver's tests need ${python}, Python 3.9 or newer, on the PATH: ${error.message}`);
  expect(status, stderr).toBe(0);
  return stderr.match(/ \.\.\. (ok|skipped '(no symbolic links|only Linux).*)$/gm)?.length ?? 0;
}

/** Tests in a file, so that none is lost to a mistake in finding them. */
function countTests(file: string): number {
  return readFileSync(join(here, file), 'utf8').match(/^ {4}def test_/gm)?.length ?? 0;
}
