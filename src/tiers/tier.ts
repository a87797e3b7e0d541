import type { Seal, TierName, TierState } from '../core/types.ts';
import type { Manifest } from './manifest.ts';

/** The paths of one copy and its proof in a tier. */
export interface CopyPlace {
  /** The file to serve: a mirror of the source's path below its root; ends in `.zst` in the cold tier. */
  path: string;
  /** Its proof, in a separate tree: a loader that lists the copy's directory finds only model files. */
  manifestPath: string;
}

/**
 * `elsewhere`: no copy of this tier has such a path. A catalog may know copies of a cache directory that was left behind. `away`:
 * the tier is away, so nothing is known of its copies.
 */
export type CopyVerdict = 'ok' | 'gone' | 'changed' | 'elsewhere' | 'away';

/**
 * A place for copies. A worker writes the bytes (`publish.ts`); everything here is quick and local. `test/tiers/tier.contract.ts`
 * lists all promises of a tier.
 */
export interface Tier {
  readonly name: TierName;
  /** The directory of its files, with its marker; undefined for a tier that is no directory. */
  readonly dir?: string;
  /** Local directory of unfinished files and of those being removed. */
  readonly partialDir: string;
  /** Whether it is present and the same as before; checked before anything in it is written, deleted or forgotten. Fast. */
  state(): TierState;
  /**
   * @param root the source's root  @param rel the source's path below it
   * @throws CacheError BAD_REQUEST when that names no file below the root
   */
  placeOf(root: string, rel: string): CopyPlace;
  /** The path of a copy's proof. @param copyPath as in `placeOf` */
  manifestPathOf(copyPath: string): string;
  /** Size and free bytes of the volume; the last known ones while it is away. */
  capacity(): { size: number; free: number };
  /** Law 1, before serving: does the file still match its seal? One stat of a local file. */
  check(path: string, seal: Seal): CopyVerdict;
  /** The proof of a copy; undefined when it is absent or incomplete. */
  manifestOf(copyPath: string): Promise<Manifest | undefined>;
  /**
   * Replaces a copy's proof.
   * @param isWanted called right before, in the same turn of the loop: false keeps the old one @returns its answer
   */
  replaceManifest(copyPath: string, manifest: Manifest, isWanted: () => boolean): Promise<boolean>;
  /** Removes the proof of a copy: no rebuilt catalog will include the copy. Missing is success. */
  dropManifest(copyPath: string): void;
  /** Paths of copies that some process has open or mapped (law 8), as far as the system reports them. */
  openFiles(): Promise<Set<string>>;
  /** Whether a link to the source can replace a copy that leaves. */
  leavesLinks(): boolean;
  /**
   * Takes a copy and its proof out of their places; pass the result to `free`. Missing is success, and a file that is no copy
   * stays.
   * @param linkTo the source of a link that replaces the copy by rename; null or left out = no link
   * @throws CacheError IN_USE when the system does not release the file, or has no links; it is then still in its place.
   */
  takeOut(path: string, linkTo?: string | null): string;
  /** Whether a program created or rewrote the file there: it has no proof of ours. */
  hasForeign(path: string): boolean;
  /** Removes the link that replaced a copy of this source; anything else stays. */
  dropLink(path: string, source: string): void;
  /** Frees the space of a removed copy. Large files take a while. */
  free(leaving: string): Promise<void>;
}

/** A tier that is a directory; `partialDir` is in its file system, so that a rename is atomic. */
export interface PosixTier extends Tier {
  readonly dir: string;
  /** Id of its marker; null when none could be written. */
  readonly id: string | null;
  /** The present state of its directory, even before it is opened; after an outage `state` says `away` until it is opened again. */
  present(): TierState;
  /** Begins to use it; after an outage its owner calls this again, and until then nothing may be written to it. */
  open(): void;
}
