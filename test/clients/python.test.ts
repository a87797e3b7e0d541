import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { patience } from '../helpers/patience.ts';
import { countPythonTests, runPythonTests } from '../helpers/python-tests.ts';

const project = join(import.meta.dirname, '..', '..');
const here = join(import.meta.dirname, 'python');

/** Those with many daemons and processes, or with a pip. */
const slow = ['test_once.py', 'test_outage.py', 'test_package.py'];
const files = readdirSync(here).filter((name) => /^test_.*\.py$/.test(name));

describe('the Python package passes its own tests against real daemons', { timeout: patience(120_000) }, () => {
  test.each(files.filter((file) => !slow.includes(file)))('%s', passes);
  test.each(slow)('%s', { tags: 'slow' }, passes);
});

async function passes(file: string): Promise<void> {
  const { found, leftOut } = await runPythonTests(here, file);
  expect(found).toBe(countPythonTests(here, file));
  expect(found).toBeGreaterThan(0);
  if (leftOut.length > 0) console.info(`${file}: ${leftOut.length} tests are left out: ${[...new Set(leftOut)].join('; ')}`);
}

test('the Python package has the version of the package', () => {
  const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string };
  expect(readFileSync(join(project, 'clients/python/pyproject.toml'), 'utf8')).toContain(`\nversion = "${version}"\n`);
});
