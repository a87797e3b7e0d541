import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes the licences of the packages that `modules` (paths of files) come from. @throws Error when one brings no licence */
export function writeLicences(modules, dir, name) {
  const directories = new Set(modules.map(packageOf).filter((directory) => directory !== undefined));
  writeFileSync(
    join(dir, name),
    [...directories]
      .sort()
      .map(licenceOf)
      .join(`\n${'-'.repeat(80)}\n\n`),
  );
  return [name];
}

function licenceOf(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  if (license === undefined && file === undefined) throw new Error(`${name} brings no licence`);
  const text = file === undefined ? '' : `\n${readFileSync(join(directory, file), 'utf8').trim()}\n`;
  return `${name} ${version}: ${license}\n${text}`;
}

/** `…/node_modules/@a/b` of `…/node_modules/@a/b/dist/c.js`. */
function packageOf(module) {
  return /^.*node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(module)?.[0];
}
