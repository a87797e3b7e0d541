import { mkdirSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Subject } from '../subject.ts';

/** What can be done to files in a directory. */
export function filesIn(dir: string): Pick<Subject, 'put' | 'publish' | 'remove' | 'truncate' | 'rewrite' | 'replace'> {
  const old = 1_700_000_000.125;
  const keepingTimes = (path: string, change: () => void) => {
    const { size, mtimeMs } = statSync(path);
    change();
    utimesSync(path, mtimeMs / 1000, mtimeMs / 1000);
    const now = statSync(path);
    if (now.size !== size || now.mtimeMs !== mtimeMs) throw new Error('size and mtime did not stay');
  };
  const put = (rel: string, bytes: Buffer) => {
    const path = join(dir, rel);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    utimesSync(path, old, old);
  };
  return {
    put,
    publish: (rel, sha256) => writeFileSync(`${join(dir, rel)}.sha256`, sha256),
    remove: (rel) => rmSync(join(dir, rel)),
    truncate: (rel, size) => truncateSync(join(dir, rel), size),
    rewrite: (rel, bytes) => keepingTimes(join(dir, rel), () => writeFileSync(join(dir, rel), bytes, { flag: 'r+' })),
    replace: (rel, bytes) =>
      keepingTimes(join(dir, rel), () => {
        // With its folder: a rename of the file itself would show in the ctime of the one that is open.
        renameSync(join(dir, dirname(rel)), join(dir, `${dirname(rel)}.was`));
        put(rel, bytes);
      }),
  };
}
