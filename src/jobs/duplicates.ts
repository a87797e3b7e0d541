import type { Catalog } from '../catalog/catalog.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Copy, Entry, Fingerprint, SourceFile, TierName } from '../core/types.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { DuplicateCopy, LinkReport } from '../transfer/messages.ts';
import { isModelName } from '../weights/extensions.ts';

/** Maximum number of twins tried: many files of one size and mtime are more likely strangers. */
const mostTwins = 8;

/**
 * Copies that this source's copy could be a hard link to: of the same size and mtime, and matching their seals. None when an
 * interrupted copy of it can be resumed.
 */
export function hardLinkCandidates(file: SourceFile, tier: Tier, { copies, entries, duplicates }: Catalog): DuplicateCopy[] {
  // Programs write to files beside a model: those share no file with others.
  if (!isModelName(file.path)) return [];
  const entry = entries.byPath(file.path);
  const isBegun = entry && copies.ofEntry(entry.id).some((copy) => copy.state === 'copying' && copy.tier === tier.name);
  if (isBegun) return [];
  // Its own copy counts when the source was only touched: equal bytes are not written again.
  const isOwn = ({ tier: of, source, content, state }: Copy) =>
    of === tier.name && content !== null && (state === 'ready' || state === 'stale') && isAlike(source, file.fingerprint);
  const own = entry ? copies.ofEntry(entry.id).filter(isOwn) : [];
  if (own.length > 0) return places(own, tier);
  return places(duplicates.hardLinkCandidates(entry?.id ?? 0, tier.name, file.fingerprint, mostTwins), tier);
}

/**
 * The copy of another source to read instead of this one: its bytes equal those of this one's last copy, and this one has not
 * changed since. Null where a hard link can be made instead, as that takes no room.
 */
export function equalOrigin(entry: Entry, file: SourceFile, tier: TierName, { catalog, tiers }: Places): Copy | null {
  if (!isSameFingerprint(entry.fingerprint, file.fingerprint)) return null;
  const copies = catalog.duplicates.ofSource(entry.id).filter((copy) => tiers.isSound(copy));
  const canBeLinked = (copy: Copy) => copy.tier === tier && copy.seal?.mtimeNs === file.fingerprint.mtimeNs;
  return tierTraits[tier].links && copies.some(canBeLinked) ? null : (copies[0] ?? null);
}

/** As far as size and mtime tell. */
function isAlike(a: Fingerprint, b: Fingerprint): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs;
}

interface Places {
  catalog: Catalog;
  tiers: Tiers;
}

/** Copies of the same size, whose blocks this source's copy could share where the file system can do that. */
export function reflinkCandidates(file: SourceFile, tier: Tier, { entries, duplicates }: Catalog): DuplicateCopy[] {
  return places(
    duplicates.reflinkCandidates(entries.byPath(file.path)?.id ?? 0, tier.name, file.fingerprint.size, mostTwins),
    tier,
  );
}

function places(copies: readonly Copy[], tier: Tier): DuplicateCopy[] {
  return copies.flatMap(({ path, seal, hash }) => {
    if (!seal || hash === null || tier.check(path, seal) !== 'ok') return [];
    return [{ path, manifestPath: tier.manifestPathOf(path), seal, hash }];
  });
}

/**
 * Enters a copy that is another name of its twin's file. It takes no room while the twin exists. If the twin has left or gone out
 * of service meanwhile, the new name goes too. @returns whether the copy is in service
 */
export async function publishLinked(report: LinkReport, file: SourceFile, tier: Tier, catalog: Catalog): Promise<boolean> {
  const { path } = tier.placeOf(file.root, file.rel);
  const enter = () => {
    const twin = catalog.copies.byPath(report.twin.path);
    if (twin && report.twin.path === path) {
      catalog.entries.put({ ...file, fingerprint: report.source });
      catalog.copies.publish(twin.id, report);
      return true;
    }
    if (twin?.state !== 'ready' || twin.seal?.ino !== report.seal.ino) return false;
    const entry = catalog.entries.put({ ...file, fingerprint: report.source });
    const copy = catalog.copies.link(twin, { entryId: entry.id, path, source: report.source });
    if (report.sha256 !== null) catalog.contents.identify(copy, report.sha256);
    return true;
  };
  const entered = await catalog.write(() => catalog.transaction(enter));
  if (!entered && report.twin.path !== path) await tier.free(tier.takeOut(path));
  return entered;
}
