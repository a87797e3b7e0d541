import type { RootFacts, RootIdentity } from './driver.ts';

/** The volume that each root was last seen on. A root is named by its path. */
export class RootIdentities {
  #known = new Map<string, RootIdentity>();
  /** The directories that had files. */
  #filled = new Map<string, RootIdentity>();

  /** Accepts an identity as the root's own. */
  trust(root: string, identity: RootIdentity): void {
    this.#known.set(root, identity);
  }

  /** Sets the directory in which an earlier run has seen files. */
  remember(root: string, identity: RootIdentity): void {
    if (!this.#filled.has(root)) this.#filled.set(root, identity);
  }

  /** Why these facts do not prove that the root is present; null when they do. The first good identity of a root is remembered. */
  outage(root: string, { empty, identity }: RootFacts): string | null {
    if (empty) return this.#isEmptied(root, identity) ? null : 'Folder is empty. Is the drive or share mounted?';
    const known = this.#known.get(root);
    if (known && !isSameVolume(known, identity)) return 'another file system stands in its place';
    this.#known.set(root, identity);
    this.#filled.set(root, identity);
    return null;
  }

  /** Whether it is the same directory that had files: then it was emptied, and no volume was unmounted. */
  #isEmptied(root: string, identity: RootIdentity): boolean {
    const filled = this.#filled.get(root);
    return filled?.ino !== undefined && filled.ino === identity.ino && isSameVolume(filled, identity);
  }
}

/** The device number identifies a volume while its mount lasts; type and size identify it after a new mount. */
function isSameVolume(a: RootIdentity, b: RootIdentity): boolean {
  return a.device === b.device || (a.type === b.type && a.bytes === b.bytes && a.bytes > 0);
}
