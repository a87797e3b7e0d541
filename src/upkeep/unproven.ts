import { lstatSync } from 'node:fs';
import type { Catalog } from '../catalog/catalog.ts';
import { isWrittenTo } from '../catalog/written.ts';
import { sentenceOf } from '../core/errors.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Seal } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { Serial } from '../runtime/serial.ts';
import { giveAway, hasNewTime, lookAtFile } from '../tiers/foreign.ts';
import { setMtime } from '../tiers/publish.ts';
import type { PosixTier } from '../tiers/tier.ts';
import { VerifyThread } from '../transfer/verify-thread.ts';
import { adopt, type Proven } from './proofs.ts';
import { takenOut } from './removal.ts';

export interface UnprovenDeps {
  catalog: Catalog;
  clock: Clock;
  log: Log;
  /** Whether a program was given the path of this copy, also before this start: a file that it saved there belongs to the user. */
  wasGiven?(path: string): boolean;
}

/**
 * Copies with a proof whose stat does not match their seal: the cache was moved to another disk, or is on a file system that
 * renumbers its files at each mount. They are read in the background, one after the other, and compared with their hashes. A copy with
 * the same bytes returns to service under a new seal, a file that a program saved instead is left to the user, any other is removed.
 * Until then they are out of service, count, and are not evicted.
 */
export class Unproven implements AsyncDisposable {
  readonly #deps: UnprovenDeps;
  readonly #turns = new Serial();
  /** By path; resolves when the copy has been read. */
  readonly #waiting = new Map<string, Promise<void>>();
  #thread: VerifyThread | null = null;
  #isEnded = false;

  constructor(deps: UnprovenDeps) {
    this.#deps = deps;
  }

  /** Number of copies still to be read. */
  get count(): number {
    return this.#waiting.size;
  }

  holds(copyPath: string): boolean {
    return this.#waiting.has(copyPath);
  }

  /** Resolves after this copy was read, or at once when it need not be. */
  async compared(copyPath: string): Promise<void> {
    await this.#waiting.get(copyPath);
  }

  /** Enters a copy out of service, and has it read; returns at once. */
  take(tier: PosixTier, found: Proven): void {
    const { catalog, log } = this.#deps;
    if (this.#waiting.has(found.copyPath)) return;
    catalog.transaction(() => {
      adopt(catalog, tier, found);
      const entered = catalog.copies.byPath(found.copyPath);
      if (entered) catalog.copies.retire(entered.id);
    });
    const reading = this.#turns.run(async () => {
      try {
        if (!this.#isEnded) await this.#settle(tier, found);
      } catch (error) {
        log.warn({ path: found.copyPath, why: sentenceOf(error) }, 'a copy could not be compared with its proof');
      } finally {
        this.#waiting.delete(found.copyPath);
        if (this.#waiting.size === 0) this.#endThread();
      }
    });
    this.#waiting.set(found.copyPath, reading);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    this.#endThread();
    await this.#turns.settled();
  }

  async #settle(tier: PosixTier, found: Proven): Promise<void> {
    const { catalog, clock, log } = this.#deps;
    const { proof, copyPath } = found;
    // The file was compared under another name.
    const row = catalog.copies.byPath(copyPath);
    if (row?.state !== 'stale' || tier.state() !== 'here') return;
    const { form } = tierTraits[tier.name];
    const saved = this.#deps.wasGiven?.(copyPath) && hasNewTime(copyPath, proof.seal) ? lookAtFile(copyPath) : null;
    // Loaders check the time of the model, which a move to another disk may have changed.
    if (form === 'plain') setMtime(copyPath, proof.source.fingerprint.mtimeNs);
    const seal = sealOf(copyPath);
    this.#thread ??= new VerifyThread();
    const order = { path: copyPath, manifestPath: tier.manifestPathOf(copyPath), seal, hash: proof.hash, form };
    const verdict = await this.#thread.verify({ ...order, identity: false, rate: null }, () => {});
    const isCurrent = () => catalog.copies.byPath(copyPath)?.id === row.id && tier.check(copyPath, seal) === 'ok';
    if (!isCurrent()) return;
    if (!verdict.same && saved && isWrittenTo(row, 'changed', true)) {
      setMtime(copyPath, saved.mtimeNs);
      await catalog.write(() => catalog.written.disown(row));
      giveAway(tier, copyPath);
      return;
    }
    if (!verdict.same) {
      log.warn({ path: copyPath, why: verdict.why }, 'a copy is not what its proof says; it is removed');
      if (takenOut(tier, copyPath)) await catalog.write(() => catalog.copies.forget(row.id));
      return;
    }
    const sealed = { ...proof, seal };
    if (!(await tier.replaceManifest(copyPath, sealed, isCurrent))) return;
    const enter = () => {
      catalog.copies.forget(row.id);
      adopt(catalog, tier, { proof: sealed, copyPath });
      const placement = catalog.copies.byPath(copyPath)?.placement;
      if (placement !== undefined) catalog.placements.verified(placement, clock.now());
    };
    await catalog.write(() => catalog.transaction(enter));
    log.info({ path: copyPath }, 'a copy is what its proof says; it is in service again');
  }

  #endThread(): void {
    this.#thread?.[Symbol.dispose]();
    this.#thread = null;
  }
}

function sealOf(path: string): Seal {
  const { size, mtimeNs, ino } = lstatSync(path, { bigint: true });
  return { size: Number(size), mtimeNs: String(mtimeNs), ino: String(ino) };
}
