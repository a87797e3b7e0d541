import type { RootFacts, RootIdentity } from './driver.ts';

/** Which volume each root was on when it was last there. A root is named by its path. */
export class RootIdentities {
  #known = new Map<string, RootIdentity>();

  /** Takes an identity for the root's own. */
  trust(root: string, identity: RootIdentity): void {
    this.#known.set(root, identity);
  }

  /** Why these facts are no sign of the root being there; null when they are. The first good sight of a root is remembered. */
  outage(root: string, { empty, identity }: RootFacts): string | null {
    if (empty) return 'Folder is empty. Is the drive or share mounted?';
    const known = this.#known.get(root);
    if (known && !isSameVolume(known, identity)) return 'another file system stands in its place';
    this.#known.set(root, identity);
    return null;
  }
}

/** The device number tells while the mount lasts; type and size tell a volume that was mounted again. */
function isSameVolume(a: RootIdentity, b: RootIdentity): boolean {
  return a.device === b.device || (a.type === b.type && a.bytes === b.bytes && a.bytes > 0);
}
