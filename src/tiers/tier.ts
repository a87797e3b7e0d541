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
  /** Where its files lie, under its marker; undefined for a tier that is no directory. */
  readonly dir?: string;
  /** Local directory of unfinished files and of those being removed. */
  readonly partialDir: string;
  /** Whether it is there now, and is the one that it was; asked before anything is written to it, deleted or forgotten. Quick. */
  state(): TierState;
  /**
   * @param root the source's root  @param rel the source's path below it
   * @throws CacheError BAD_REQUEST when that names no file below the root
   */
  placeOf(root: string, rel: string): CopyPlace;
  /** The path of a copy's proof. @param copyPath as in `placeOf` */
  manifestPathOf(copyPath: string): string;
  /** Size and free bytes of the volume; while it is away, as they were last. */
  capacity(): { size: number; free: number };
  /** Law 1, before serving: does the file still match its seal? One stat of a local file. */
  check(path: string, seal: Seal): CopyVerdict;
  /** The proof of a copy; undefined when it is absent or incomplete. */
  manifestOf(copyPath: string): Promise<Manifest | undefined>;
  /**
   * Replaces a copy's proof.
   * @param isWanted asked right before, in the same turn of the loop: false keeps the old one @returns its answer
   */
  replaceManifest(copyPath: string, manifest: Manifest, isWanted: () => boolean): Promise<boolean>;
  /** Removes the proof of a copy: no rebuilt catalog will include the copy. Missing is success. */
  dropManifest(copyPath: string): void;
  /** Paths of copies that some process has open or mapped (law 8), as far as the system reports them. */
  openFiles(): Promise<Set<string>>;
  /** Whether a link to the source can take the place of a copy that leaves. */
  leavesLinks(): boolean;
  /**
   * Takes a copy and its proof out of their places; pass the result to `free`. Missing is success, and a file that is no copy
   * stays.
   * @param linkTo a link to this source takes the place of the copy, by rename; null or left out = nothing does
   * @throws CacheError IN_USE when the system does not release the file, or has no links; it is then still in its place.
   */
  takeOut(path: string, linkTo?: string | null): string;
  /** Whether a file lies there that a program put there, or made its own: one without a proof of ours. */
  hasForeign(path: string): boolean;
  /** Removes the link that was left in the place of a copy of this source; anything else stays. */
  dropLink(path: string, source: string): void;
  /** Frees the space of a removed copy. Large files take a while. */
  free(leaving: string): Promise<void>;
}

/** A tier that is a directory; `partialDir` is in its file system, so that a rename is atomic. */
export interface PosixTier extends Tier {
  readonly dir: string;
  /** Of its marker; null where none could be written. */
  readonly id: string | null;
  /** What its directory is now, even before it is opened; `state` says `away` from its going until it is opened again. */
  present(): TierState;
  /** Begins to use it; called again when it is back, once its owner knows: until then nothing may be written to it. */
  open(): void;
}
