import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patience } from '../helpers/patience.ts';
import { countPythonTests, runPythonTests } from '../helpers/python-tests.ts';

const project = join(import.meta.dirname, '..', '..');
const here = join(import.meta.dirname, 'python');

test.each(readdirSync(here).filter((name) => /^test_.*\.py$/.test(name)))(
  'the Python package passes its own tests against real daemons: %s',
  { timeout: patience(120_000) },
  async (file) => {
    const { found, leftOut } = await runPythonTests(here, file);
    expect(found).toBe(countPythonTests(here, file));
    expect(found).toBeGreaterThan(0);
    if (leftOut.length > 0) console.info(`${file}: ${leftOut.length} tests are left out: ${[...new Set(leftOut)].join('; ')}`);
  },
);

test('the Python package has the version of the package', () => {
  const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string };
  expect(readFileSync(join(project, 'clients/python/pyproject.toml'), 'utf8')).toContain(`\nversion = "${version}"\n`);
});
