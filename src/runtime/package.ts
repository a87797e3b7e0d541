import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname } from 'node:path';

const manifest = findPackageJSON('..', import.meta.url);
if (!manifest) throw new Error('the package.json of autocached is missing');

/** The directory of this package. Built files lie one directory deeper in it than sources. */
export const packageDir: string = dirname(manifest);

/** This package's version. */
export const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
