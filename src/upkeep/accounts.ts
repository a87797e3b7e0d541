import { existsSync } from 'node:fs';
import type { Catalog } from '../catalog/catalog.ts';
import { CacheError } from '../core/errors.ts';
import { tierTraits } from '../core/tier-traits.ts';
import { type Copy, defaultTier, type SourceFile } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { Pauses } from '../runtime/pauses.ts';
import { Serial } from '../runtime/serial.ts';
import type { PosixTier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { findOrphans, type Orphan } from './orphans.ts';
import { adopt, type Proven, readProof } from './proofs.ts';
import { reconcileAll } from './reconcile.ts';
import { removed } from './removal.ts';
import { Unproven } from './unproven.ts';

export interface AccountsDeps {
  clock: Clock;
  catalog: Catalog;
  tiers: Tiers<PosixTier>;
  events: Events;
  log: Log;
  /** Whether a program was given the path of this copy, also before this start. */
  wasGiven?(path: string): boolean;
  /** Pauses in the work, in which lookups are answered. */
  pauses?(signal: AbortSignal): Pick<Pauses, 'isDue' | 'take'>;
}

/** Retry interval after a failure, ms. */
const againMs = 60_000;
/** Interval between two reports of a disk that stays full, ms. */
const quietMs = 10 * 60_000;

/**
 * Whether the catalog accounts for everything in the tiers. At the start it may not, after a crash or the loss of its file, so the
 * directories are searched in the background. Until that is done, no copy is made and none leaves to make room, as the limit
 * applies to all copies. A copy missing from the catalog is found by its proof when it is requested.
 */
export class Accounts implements AsyncDisposable {
  readonly #deps: AccountsDeps;
  #stop = new AbortController();
  readonly #turns = new Serial();
  readonly #unproven: Unproven;
  #orphans: readonly Orphan[] = [];
  #seen = 0;
  #complete = false;
  /** End of the time without further reports of a full disk, monotonic ms. */
  #quietUntil = Number.NEGATIVE_INFINITY;
  readonly #ready = Promise.withResolvers<void>();
  readonly #unsubscribe: () => void;

  constructor(deps: AccountsDeps) {
    this.#deps = deps;
    this.#unproven = new Unproven(deps);
    this.#unsubscribe = deps.events.subscribe((name) => name === 'job-done' && this.#lookAgain());
  }

  /** The last found files in the cache directory that no row accounts for. */
  get orphans(): readonly Orphan[] {
    return this.#orphans;
  }

  /**
   * Searches for orphans, and removes those that are leftovers of copies, unless a program has them open.
   * @param remove false = only search @returns the removed ones, or those that would be, and the others
   */
  async dropOrphans({ remove }: { remove: boolean }): Promise<{ gone: Orphan[]; left: Orphan[] }> {
    await this.#findOrphans();
    const open = await Promise.all(this.#inCacheDir.map((tier) => tier.openFiles()));
    const leaves = ({ isCopy, path }: Orphan) => isCopy && !open.some((paths) => paths.has(path)) && !this.isUnproven(path);
    const gone = this.#orphans.filter((orphan) => leaves(orphan) && (!remove || removed(orphan.path)));
    const left = this.#orphans.filter((orphan) => !gone.includes(orphan));
    if (remove) this.#note(left);
    return { gone, left };
  }

  /** Whether this copy is still to be compared with its proof, and must not be used or removed until then. */
  isUnproven(copyPath: string): boolean {
    return this.#unproven.holds(copyPath);
  }

  /** Resolves after that comparison: a copy that returns to service need not be made again. */
  compared(copyPath: string): Promise<void> {
    return this.#unproven.compared(copyPath);
  }

  /** Begins or restarts the search; returns at once. */
  begin(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#seen = 0;
    this.#complete = false;
    this.#deps.events.emit('accounting', { complete: false });
    void this.#turns.run(() => this.#look(signal));
  }

  /** To be called when the catalog caused a failure: a damaged one is set aside and rebuilt. */
  afterTrouble(error: unknown): void {
    const { clock, log } = this.#deps;
    if (error instanceof CacheError && error.code === 'NO_SPACE') {
      // Every write fails so, and their log lines would fill the disk.
      if (clock.monotonic() < this.#quietUntil) return;
      this.#quietUntil = clock.monotonic() + quietMs;
      log.error({ why: error.message }, 'uses and leases are not written until there is room');
      return;
    }
    log.error({ err: error }, 'the catalog is in trouble');
    this.#rebuildAfter(error);
  }

  /** If `error` means damage, sets the catalog aside and begins with an empty one. @returns false for other errors */
  #rebuildAfter(error: unknown): boolean {
    const isReplaced = this.#deps.catalog.replaceIfDamaged(error);
    if (isReplaced) this.begin();
    return isReplaced;
  }

  /** Resolves when everything is accounted for, for the first time. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** Rows and proofs checked so far; null when everything is accounted for. */
  get progress(): { seen: number } | null {
    return this.#complete ? null : { seen: this.#seen };
  }

  /**
   * Copies of a source that are not yet in the catalog, or whose file has changed since its row; their proofs match. They are
   * entered after the answer: this call writes nothing.
   */
  unaccounted({ path, root, rel }: Pick<SourceFile, 'path' | 'root' | 'rel'>): Copy[] {
    if (this.#complete) return [];
    const lasting = this.#deps.tiers.all().filter(({ name }) => !tierTraits[name].volatile);
    return lasting.flatMap((tier) => {
      const found = this.#proofOf(tier, { root, rel });
      if (typeof found !== 'object' || found.proof.source.path !== path || this.#isKnown(tier, found)) return [];
      setImmediate(() => this.#enter(tier, found));
      return [copyOf(tier, found)];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort();
    await this.#turns.settled();
    await this.#unproven[Symbol.asyncDispose]();
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { log, events, pauses = (ends) => new Pauses(ends) } = this.#deps;
    try {
      const onSeen = (count: number) => {
        this.#seen += count;
      };
      await this.#deps.catalog.check(signal);
      await this.#deps.catalog.write(() => {});
      await reconcileAll({ ...this.#deps, pauses: pauses(signal), unproven: this.#unproven, onSeen });
      await this.#findOrphans(pauses(signal));
      if (signal.aborted) return;
      this.#complete = true;
      events.emit('accounting', { complete: true });
      this.#ready.resolve();
    } catch (err) {
      if (signal.aborted) return;
      // Another program held the lock of the catalog: the search restarts after its release.
      if (this.#deps.catalog.isBusy(err)) return this.begin();
      log.error({ err }, 'the cache directory could not be looked through; nothing is copied until it is');
      if (this.#rebuildAfter(err)) return;
      setTimeout(() => !signal.aborted && this.begin(), againMs).unref();
    }
  }

  #proofOf(tier: PosixTier, { root, rel }: Pick<SourceFile, 'root' | 'rel'>): ReturnType<typeof readProof> {
    try {
      return readProof(tier, tier.placeOf(root, rel).manifestPath);
    } catch {
      // The tier does not allow such a name.
      return 'absent';
    }
  }

  /** The tiers inside the cache directory, that directory first. */
  get #inCacheDir(): PosixTier[] {
    const lasting = this.#deps.tiers.all().filter(({ name }) => !tierTraits[name].volatile);
    return lasting.filter((tier) => tier.state() !== 'away');
  }

  async #findOrphans(pauses: Pick<Pauses, 'take'> = new Pauses()): Promise<void> {
    this.#note(await findOrphans({ catalog: this.#deps.catalog, tiers: this.#inCacheDir, pauses }));
  }

  /** Searches for orphans again: copies may have replaced some, and the user may have removed others. */
  #lookAgain(): void {
    if (this.#orphans.length === 0) return;
    const unknown = new Set(this.#deps.catalog.copies.unknown(this.#orphans.map(({ path }) => path)));
    const left = this.#orphans.filter(({ path }) => unknown.has(path) && existsSync(path));
    if (left.length < this.#orphans.length) this.#note(left);
  }

  #note(orphans: readonly Orphan[]): void {
    this.#orphans = orphans;
    const bytes = orphans.reduce((sum, orphan) => sum + orphan.bytes, 0);
    this.#deps.catalog.placements.setOutside(defaultTier, bytes);
    if (bytes > 0) this.#deps.log.warn({ files: orphans.length, bytes }, 'files in the cache directory are no copies');
  }

  /** The catalog's row is valid, unless its file has been replaced. */
  #isKnown(tier: PosixTier, { copyPath }: Proven): boolean {
    const row = this.#deps.catalog.copies.byPath(copyPath);
    return row !== undefined && (row.seal === null || tier.check(copyPath, row.seal) === 'ok');
  }

  #enter(tier: PosixTier, found: Proven): void {
    const { catalog, log } = this.#deps;
    if (this.#stop.signal.aborted || this.#complete || this.#isKnown(tier, found)) return;
    try {
      adopt(catalog, tier, found);
    } catch (err) {
      log.warn({ err, path: found.copyPath }, 'a copy that was found by its proof is not in the catalog yet');
    }
  }
}

/** The copy in the form of its future row. */
function copyOf(tier: PosixTier, { proof, copyPath }: Proven): Copy {
  const { source, seal, hash, sha256 } = proof;
  return {
    id: 0,
    entryId: 0,
    placement: 0,
    content: null,
    tier: tier.name,
    form: tierTraits[tier.name].form,
    path: copyPath,
    state: 'ready',
    source: source.fingerprint,
    createdAt: null,
    seal,
    hash,
    sha256,
    bytes: seal.size,
  };
}
