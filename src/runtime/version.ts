import { existsSync, readFileSync } from 'node:fs';

/** The package's version, read beside the source or, when compiled, one directory further up. */
export const version: string = readVersion();

function readVersion(): string {
  const file = ['../../package.json', '../../../package.json']
    .map((path) => new URL(path, import.meta.url))
    .find((url) => existsSync(url));
  return file ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : '0.0.0';
}
