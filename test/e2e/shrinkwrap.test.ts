import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '../helpers/packed.ts';

const read = (name: string) => JSON.parse(readFileSync(join(repository, name), 'utf8'));
const shrinkwrap = read('npm-shrinkwrap.json');
const packages: Record<string, { version: string; integrity?: string; optionalDependencies?: Record<string, string> }> =
  shrinkwrap.packages;
const { version, dependencies } = read('package.json');

test('npm-shrinkwrap.json has the versions of package.json, a hash of each package and the address of none', () => {
  expect(packages['']).toMatchObject({ version, dependencies });
  const { '': _, ...installed } = packages;
  for (const [path, entry] of Object.entries(installed)) expect(entry, path).toHaveProperty('integrity');
  expect(JSON.stringify(shrinkwrap)).not.toContain('resolved');
});

test('npm-shrinkwrap.json has the packages of every platform', () => {
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
  expect(wanted).toContain('@mongodb-js/zstd-win32-x64-msvc');
  expect(wanted.filter((name) => packages[`node_modules/${name}`] === undefined)).toEqual([]);
});
