import { randomUUID } from 'node:crypto';
import { linkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { messageOf } from '../core/errors.ts';
import type { Copy, Seal } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { Serial } from '../runtime/serial.ts';
import type { Evictor } from '../space/evict.ts';
import { linkBeside } from '../tiers/link.ts';
import { type Manifest, prepareManifest } from '../tiers/manifest.ts';
import type { Tier } from '../tiers/tier.ts';
import { isModelName } from '../weights/extensions.ts';

export interface DeduplicatorDeps {
  catalog: Catalog;
  tier: Tier;
  evictor: Evictor;
  events: Events;
  log: Log;
}

/** Maximum number of failed joins of a copy (in use, or on a disk without hard links) before it is left alone. */
const mostRefusals = 8;

interface Sealed extends Copy {
  seal: Seal;
}

/**
 * Makes two copies with the same bytes and the same mtime two names of one file: copies made at the same time, and those of an
 * older cache. One SHA-256 of both is the proof; nothing is read again. Copies with different mtimes stay apart: a file has one
 * mtime under all its names, and a copy has that of its source.
 */
export class Deduplicator implements AsyncDisposable {
  readonly #deps: DeduplicatorDeps;
  readonly #turns = new Serial();
  #unsubscribe: () => void = () => {};
  #stopping = false;

  constructor(deps: DeduplicatorDeps) {
    this.#deps = deps;
  }

  /** Checks all copies, then each new one. Returns at once. */
  start(): void {
    const { catalog, events, tier } = this.#deps;
    this.#unsubscribe = events.subscribe((name, event) => {
      if (name !== 'job-done') return;
      const entry = catalog.entries.byPath((event as { path: string }).path);
      const copy = entry && catalog.copies.readyOf(entry.id).find((one) => one.tier === tier.name);
      if (copy) this.later([copy]);
    });
    this.later(catalog.duplicates.all(tier.name));
  }

  /** Joins each of these with its duplicates. Never rejects. @returns bytes freed */
  async share(copies: Iterable<Copy>): Promise<number> {
    const { duplicates } = this.#deps.catalog;
    let freed = 0;
    for (const copy of copies) {
      // Without its SHA-256 nothing is proven, even if its duplicates have theirs.
      if ((await this.#sha256Of(copy).catch(() => null)) === null) continue;
      let refusals = 0;
      for (const other of duplicates.of(copy.id, this.#deps.tier.name)) {
        if (this.#stopping) return freed;
        const gained = await this.#joinNow(copy.id, other.id).catch((error) => this.#failed(copy, error));
        freed += gained ?? 0;
        if (gained === null) refusals += 1;
        if (refusals === mostRefusals) break;
      }
    }
    return freed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#unsubscribe();
    await this.#turns.settled();
  }

  /** Joins these with their duplicates, soon. */
  later(copies: Iterable<Copy>): void {
    void this.#turns.run(() => this.share(copies));
  }

  /** Joins two copies that were listed as duplicates, if they still are. @returns bytes freed; null when they stay two files */
  async #joinNow(...ids: [number, number]): Promise<number | null> {
    const [one, other] = ids.map((id) => this.#deps.catalog.copies.byId(id));
    return one && other && isSealed(one) && isSealed(other) && areDuplicates(one, other) ? this.#join(one, other) : null;
  }

  /** The file with more names stays, of two with as many the newer one, unless the other one's name is in use. */
  async #join(a: Sealed, b: Sealed): Promise<number | null> {
    const { catalog, evictor, tier } = this.#deps;
    const [first, second] = await Promise.all([this.#sha256Of(a), this.#sha256Of(b)]);
    if (first === null || first !== second) return null;
    const inUse = await tier.openFiles();
    const [older, newer] = a.id < b.id ? [a, b] : [b, a];
    // Otherwise the names of many equal files would move from one to the next.
    const isRicher = catalog.duplicates.names(older.placement) > catalog.duplicates.names(newer.placement);
    const [least, most] = isRicher ? [newer, older] : [older, newer];
    const leaves = [least, most].find((copy) => evictor.mayBeReplaced(copy, inUse));
    const proof = leaves && (await this.#proofOf(leaves));
    return proof ? this.#replace(leaves, leaves === least ? most : least, proof) : null;
  }

  /** Proof, then file, then row, as in every publication. Until the row is written, either file is a true copy. */
  async #replace(leaves: Sealed, stays: Sealed, proof: Manifest): Promise<number | null> {
    const { catalog, tier, evictor, log } = this.#deps;
    const link = linkBeside(stays, tier.partialDir);
    if (link === null) return null;
    const leaving = join(tier.partialDir, `${randomUUID()}.leaving`);
    let newProof = link;
    try {
      newProof = await prepareManifest(tier.partialDir, { ...proof, seal: stays.seal });
      // No awaits from here on: a lookup between the file and its row would find the copy damaged.
      const mayBe = [leaves, stays].every((copy) => this.#isCurrent(copy)) && evictor.mayBeReplaced(leaves, new Set());
      // A name that leads to another file than its row says would count as damaged.
      if (!mayBe || !catalog.isWritable()) return null;
      const freed = evictor.frees(leaves);
      // Large files take a while to remove: not in this turn.
      linkSync(leaves.path, leaving);
      renameSync(newProof, tier.manifestPathOf(leaves.path));
      renameSync(link, leaves.path);
      catalog.copies.move(leaves.id, stays);
      log.info({ path: leaves.path, of: stays.path, freed }, 'two copies are one file now');
      return freed;
    } finally {
      for (const left of [link, newProof]) rmSync(left, { force: true });
      await tier.free(leaving);
    }
  }

  #isCurrent({ id, path, placement, seal }: Sealed): boolean {
    const now = this.#deps.catalog.copies.byPath(path);
    return now?.id === id && now.state === 'ready' && now.placement === placement && this.#deps.tier.check(path, seal) === 'ok';
  }

  /** From the catalog, or from the proof, which then updates the catalog. */
  async #sha256Of(copy: Copy): Promise<string | null> {
    if (copy.sha256 !== null) return copy.sha256;
    const sha256 = (await this.#proofOf(copy))?.sha256 ?? null;
    const { catalog } = this.#deps;
    if (sha256 !== null) await catalog.write(() => catalog.contents.identify(copy, sha256));
    return sha256;
  }

  #proofOf({ path }: Copy): Promise<Manifest | undefined> {
    return this.#deps.tier.manifestOf(path);
  }

  #failed({ path }: Copy, error: unknown): null {
    this.#deps.log.warn({ path, why: messageOf(error) }, 'equal copies stay two files');
    return null;
  }
}

function isSealed(copy: Copy): copy is Sealed {
  return copy.seal !== null;
}

function areDuplicates(one: Sealed, other: Sealed): boolean {
  // Programs write to files beside a model: those share no file with others.
  if (!isModelName(one.path) || !isModelName(other.path)) return false;
  const inService = one.state === 'ready' && other.state === 'ready' && one.placement !== other.placement;
  return inService && one.content === other.content && one.form === other.form && one.seal.mtimeNs === other.seal.mtimeNs;
}
