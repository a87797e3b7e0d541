import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** Our version, from our package.json, which lies in another place beside the sources than beside the built files. */
export function ownVersion(): string {
  const path = findPackageJSON('..', import.meta.url);
  if (!path) throw new Error('package.json is missing');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
