import type { Seal, TierName } from '../core/types.ts';

/** Where one copy and its proof lie in a tier. */
export interface CopyPlace {
  /** The file that is handed out: the source's base name below a mirror of the source's path below its root; `.zst` behind it in the cold tier. */
  path: string;
  /** The proof beside it, in a tree of its own, so that a loader that lists the copy's directory finds model files only. */
  manifestPath: string;
}

/** `elsewhere`: no copy of this tier has such a path. A catalog may know copies of a cache directory that was left behind. */
export type CopyVerdict = 'ok' | 'gone' | 'changed' | 'elsewhere';

/** A place that copies live in. The files are written by a worker (`publish.ts`); everything here is quick and local. */
export interface Tier {
  readonly name: TierName;
  readonly dir: string;
  /** Directory of unfinished and of leaving files; same file system, so that a rename is atomic. */
  readonly partialDir: string;
  /** @param root the source's root  @param rel the source's path below it */
  placeOf(root: string, rel: string): CopyPlace;
  /** Size and free bytes of the volume. */
  capacity(): { size: number; free: number };
  /** Law 1, at hand-out: is the file still what was sealed? One stat of a local file. */
  check(path: string, seal: Seal): CopyVerdict;
  /**
   * Takes a copy out of its place, by a rename; what it returns is given to `free`. Missing is success.
   * @throws CacheError IN_USE when the system does not let go of the file; it is then still in its place.
   */
  takeOut(path: string): string;
  /** Frees the space of what was taken out. Large files take a while. */
  free(leaving: string): Promise<void>;
}
