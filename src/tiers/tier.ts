import type { Seal, TierName } from '../core/types.ts';
import type { Manifest } from './manifest.ts';

/** Where one copy and its proof lie in a tier. */
export interface CopyPlace {
  /** The file that is handed out: the source's base name below a mirror of the source's path below its root; `.zst` behind it in the cold tier. */
  path: string;
  /** The proof beside it, in a tree of its own, so that a loader that lists the copy's directory finds model files only. */
  manifestPath: string;
}

/** `elsewhere`: no copy of this tier has such a path. A catalog may know copies of a cache directory that was left behind. */
export type CopyVerdict = 'ok' | 'gone' | 'changed' | 'elsewhere';

/**
 * A place that copies live in. The bytes are written by a worker (`publish.ts`); everything here is quick and local. All that a tier
 * promises is in `test/tiers/tier.contract.ts`.
 */
export interface Tier {
  readonly name: TierName;
  /** Local directory of unfinished and of leaving files. */
  readonly partialDir: string;
  /**
   * @param root the source's root  @param rel the source's path below it
   * @throws CacheError BAD_REQUEST when that names no file below the root
   */
  placeOf(root: string, rel: string): CopyPlace;
  /** Where the proof of a copy lies. @param copyPath as in `placeOf` */
  manifestPathOf(copyPath: string): string;
  /** Size and free bytes of the volume. */
  capacity(): { size: number; free: number };
  /** Law 1, at hand-out: is the file still what was sealed? One stat of a local file. */
  check(path: string, seal: Seal): CopyVerdict;
  /** The proof of a copy; undefined when there is none, or not a whole one. */
  manifestOf(copyPath: string): Promise<Manifest | undefined>;
  /**
   * Puts another proof in the place of a copy's.
   * @param isWanted asked right before, in the same turn of the loop: false leaves the old one @returns what it said
   */
  replaceManifest(copyPath: string, manifest: Manifest, isWanted: () => boolean): Promise<boolean>;
  /** Removes the proof of a copy: no rebuilt catalog takes the copy up any more. Missing is success. */
  dropManifest(copyPath: string): void;
  /** Paths of copies that some process has open or mapped (law 8), as far as the system tells. */
  openFiles(): Promise<Set<string>>;
  /**
   * Takes a copy out of its place, with its proof; what it returns is given to `free`. Missing is success, and what is no copy stays.
   * @throws CacheError IN_USE when the system does not let go of the file; it is then still in its place.
   */
  takeOut(path: string): string;
  /** Frees the space of what was taken out. Large files take a while. */
  free(leaving: string): Promise<void>;
}

/** A tier that is a directory; `partialDir` is in its file system, so that a rename is atomic. */
export interface PosixTier extends Tier {
  readonly dir: string;
}
