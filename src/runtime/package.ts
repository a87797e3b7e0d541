import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const manifest = findPackageJSON('..', import.meta.url);
if (!manifest) throw new Error('the package.json of autocached is missing');

/** The directory of this package. Built files lie one directory deeper in it than sources. */
export const packageDir: string = dirname(manifest);

/**
 * A module that is started as a thread or a process, by its path below `src` without an extension: its source when this runs from
 * sources, else its built file. The packed program is bundled, so where the caller lies says nothing.
 */
export function packageModule(path: string): URL {
  const file = import.meta.url.endsWith('.ts') ? join('src', `${path}.ts`) : join('dist', 'src', `${path}.js`);
  return pathToFileURL(join(packageDir, file));
}

/** This package's version. */
export const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
