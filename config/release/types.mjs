import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Writes the types of `entries`, and of the modules behind them. @returns the files below `dir` @throws Error when they do not compile */
export function writeTypes(entries, dir) {
  // The compiler writes the types of all modules behind the entries, most of which no importer sees.
  const all = mkdtempSync(join(tmpdir(), 'autocached-types-'));
  try {
    const { status } = spawnSync(`npx tsc --project tsconfig.types.json --outDir ${JSON.stringify(all)}`, {
      stdio: 'inherit',
      shell: true,
    });
    if (status !== 0) throw new Error('the types were not written');
    const needed = new Set();
    for (const entry of entries) collect(all, `${entry}.d.ts`, needed);
    for (const file of needed) {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      copyFileSync(join(all, file), join(dir, file));
    }
    return [...needed];
  } finally {
    rmSync(all, { recursive: true, force: true });
  }
}

function collect(root, file, needed) {
  if (needed.has(file)) return;
  needed.add(file);
  for (const [, path] of readFileSync(join(root, file), 'utf8').matchAll(/(?:from |import\()['"](\.[^'"]*)\.ts['"]/g)) {
    collect(root, join(dirname(file), `${path}.d.ts`), needed);
  }
}
