import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import Sqlite from 'better-sqlite3';
import { tempDir } from './temp-dir.ts';

const archive = new URL('../fixtures/cache-0.1.tar.br', import.meta.url);

/**
 * Unpacks a cache of version 0.1: `models`, `comfyui`, `cache` and `state` (see `fixtures/write-cache-0.1.mjs`). Its catalog and
 * proofs name paths and inodes; those are replaced by the ones of this place, in the rows and files as the old version wrote them.
 */
export function unpackOldCache(dir = tempDir()) {
  const { status, stderr } = spawnSync('tar', ['-xf', '-', '-C', dir], { input: brotliDecompressSync(readFileSync(archive)) });
  if (status !== 0) throw new Error(String(stderr));
  const origin: { dir: string; inodes: Record<string, string> } = JSON.parse(readFileSync(join(dir, 'origin.json'), 'utf8'));
  const inodes = new Map(Object.entries(origin.inodes).map(([path, ino]) => [ino, inodeOf(join(dir, path))]));
  const words: [string, string][] = [[origin.dir, dir]];
  for (const root of ['models', 'comfyui/upscale_models'])
    words.push([mirrorOf(join(origin.dir, root)), mirrorOf(join(dir, root))]);
  renameMirrors(join(dir, 'cache'), words);
  renamePartials(join(dir, 'cache/partial'), { from: origin.dir, to: dir });
  for (const file of [...filesIn(join(dir, 'cache'), '.json'), ...filesIn(join(dir, 'cache'), '.journal')]) {
    const text = words.reduce((before, [from, to]) => before.replaceAll(from, to), readFileSync(file, 'utf8'));
    writeFileSync(
      file,
      text.replace(/"ino":"(\d+)"/g, (_, ino: string) => `"ino":"${inodes.get(ino) ?? ino}"`),
    );
  }
  moveCatalog(join(dir, 'state/catalog.db'), words, inodes);
  return {
    dir,
    models: join(dir, 'models'),
    upscale: join(dir, 'comfyui/upscale_models'),
    catalog: join(dir, 'state/catalog.db'),
  };
}

function inodeOf(path: string): string {
  return String(statSync(path, { bigint: true }).ino);
}

/** The folder of a root in a tier of 0.1. */
function mirrorOf(root: string): string {
  return `${basename(root)}-${createHash('sha256').update(root).digest('hex').slice(0, 10)}`;
}

function filesIn(dir: string, suffix: string): string[] {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith(suffix)).map((name) => join(dir, name));
}

function renameMirrors(cache: string, words: readonly [string, string][]): void {
  for (const tier of ['.', 'cold'])
    for (const kind of ['files', 'seals'])
      for (const name of readdirSync(join(cache, tier, kind))) {
        const to = words.find(([from]) => from === name)?.[1];
        if (to) renameSync(join(cache, tier, kind, name), join(cache, tier, kind, to));
      }
}

/** An unfinished file is named after its source, and must be of this week. */
function renamePartials(dir: string, { from, to }: { from: string; to: string }): void {
  for (const journal of filesIn(dir, '.journal')) {
    const { path }: { path: string } = JSON.parse(readFileSync(journal, 'utf8')).source;
    const name = `${createHash('sha256').update(path.replace(from, to)).digest('hex').slice(0, 32)}.part`;
    renameSync(journal.slice(0, -'.journal'.length), join(dir, name));
    renameSync(journal, join(dir, `${name}.journal`));
    utimesSync(join(dir, `${name}.journal`), new Date(), new Date());
  }
}

function moveCatalog(file: string, words: readonly [string, string][], inodes: ReadonlyMap<string, string>): void {
  const db = new Sqlite(file);
  db.function('moved', (text) =>
    typeof text === 'string' ? words.reduce((before, [from, to]) => before.replaceAll(from, to), text) : text,
  );
  db.function('inode', (ino) => (typeof ino === 'string' ? (inodes.get(ino) ?? ino) : ino));
  const columns = db
    .prepare<[], { tbl: string; col: string; type: string }>(
      `SELECT t.name AS tbl, c.name AS col, c.type FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'`,
    )
    .all();
  for (const { tbl, col, type } of columns) {
    if (col === 'ino' || col.endsWith('_ino')) db.exec(`UPDATE ${tbl} SET ${col} = inode(${col})`);
    else if (type === 'TEXT') db.exec(`UPDATE ${tbl} SET ${col} = moved(${col})`);
  }
  db.close();
}
