import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const manifest = findPackageJSON('..', import.meta.url);
if (!manifest) throw new Error('the package.json of autocached is missing');

/** The directory of this package. Built files are one directory deeper in it than sources. */
export const packageDir: string = dirname(manifest);

let startsBuilt = !import.meta.url.endsWith('.ts');

/** Makes threads and processes start from built files, also when this runs from sources. For tests: each starts five times as fast. */
export function startBuiltModules(): void {
  startsBuilt = true;
}

/**
 * The file of a module that is started as a thread or a process, by its path below `src` without an extension: its source when this
 * runs from sources, else its built file. The packed program is bundled, so the caller's path does not matter.
 */
export function packageModule(path: string): URL {
  return pathToFileURL(join(packageDir, startsBuilt ? join('dist', 'src', `${path}.js`) : join('src', `${path}.ts`)));
}

/** This package's version. */
export const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
