import { existsSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sentenceOf } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';
import { makeDirectory } from '../runtime/make-directory.ts';
import { isLinkTo } from '../tiers/leave-link.ts';
import { tierDirOf } from '../tiers/mirror.ts';
import { isPlaceIn, pruneEmptyParents } from '../tiers/posix-tier.ts';

export interface MovedCache {
  /** The former path of the cache directory, which does not exist. */
  former: string;
  handedOut: {
    paths(): Iterable<string>;
    /** The source behind a path that a living program was given, or null. */
    sourceOf(path: string): string | null;
  };
  log: Log;
}

/** Replaces paths of a moved cache directory that running programs were given by links to the sources. */
export function keepOpenable({ former, handedOut, log }: MovedCache): void {
  for (const path of handedOut.paths()) {
    const source = handedOut.sourceOf(path);
    if (source === null || !isPlaceIn(former, path) || existsSync(path)) continue;
    try {
      makeDirectory(dirname(path), 'AUTOCACHE_DIR', 0o700);
      symlinkSync(source, path);
    } catch (error) {
      log.warn({ path, why: sentenceOf(error) }, 'a running program can no longer open a path that it was given');
    }
  }
}

/** Removes such a link, and the directories that it leaves empty. @throws the error of the file system */
export function dropLinkElsewhere(path: string, source: string): void {
  const former = tierDirOf(path);
  if (former === null || !isLinkTo(path, source)) return;
  rmSync(path, { force: true });
  pruneEmptyParents(former, path);
  try {
    for (const dir of [join(former, 'files'), former]) rmdirSync(dir);
  } catch {
    // It holds other files.
  }
}
