import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { CacheError, type ErrorCode, toCacheError } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { StoreOrigin } from '../core/remote.ts';
import { tierTraits } from '../core/tier-traits.ts';
import { type Copy, defaultTier, type Entry, type Medium, type SourceFile, type SourceState } from '../core/types.ts';
import { isNetwork } from '../media/medium.ts';
import { dropAfterDemote, dropAfterRestore } from '../space/drop-after-move.ts';
import { keepPartial, partialPath } from '../tiers/partial.ts';
import type { Tier } from '../tiers/tier.ts';
import type { CopyReport } from '../transfer/messages.ts';
import { CopyRunner, type CopyRunnerDeps } from './copy-runner.ts';
import { deriveVariant } from './derive.ts';
import { hardLinkCandidates, publishLinked } from './duplicates.ts';
import { assertWanted, type Job } from './job.ts';
import { planOf } from './plan.ts';
import { type ReservationDeps, Reservations } from './reservations.ts';

/** The shared store, as an origin of copies. */
export interface StoreHelp {
  /** The place of a source's content in the store, if reading it there is better. @param isAway the source does not answer */
  sourceOf(file: SourceFile, medium: Medium, isAway?: boolean): Promise<StoreOrigin | null>;
  took(store: StoreOrigin, bytes: number, ms: number): void;
  gaveNothing(store: StoreOrigin, error: unknown): void;
}

/** Failures of this host, not of its sources. */
const isOurs: readonly ErrorCode[] = ['CANCELLED', 'NO_SPACE', 'CACHE_AWAY', 'CACHE_IO'];

export interface CopyMakerDeps extends ReservationDeps, CopyRunnerDeps {
  /** Takes a copy that did not match its seal out of service. */
  onDamaged(copy: Copy, entry: Entry, why: string): void;
  sources: {
    mediumOf(path: string): Promise<Medium | null>;
    stat(source: Entry & { medium: Medium }, patience: 'command'): Promise<SourceState>;
  } & CopyRunnerDeps['sources'];
  accounts: {
    /** Resolves once this copy has been compared with its hashes, or at once when it needs no comparison. */
    compared(copyPath: string): Promise<void>;
  };
  /** Whether reading the source failed when it was copied last. */
  hasFailedReading(job: Job): boolean;
  isStopping(): boolean;
  /** Null or absent without such a store. */
  sharedStore?: StoreHelp | null | undefined;
}

/** One copy from its reservation to its row: room, worker, publication. */
export class CopyMaker {
  readonly #deps: CopyMakerDeps;
  readonly #reservations: Reservations;
  readonly #runner: CopyRunner;

  constructor(deps: CopyMakerDeps) {
    this.#deps = deps;
    this.#reservations = new Reservations(deps);
    this.#runner = new CopyRunner(deps);
  }

  /** @throws CacheError as `runCopyJob`, and when there is no room for it */
  async make(job: Job): Promise<void> {
    const tier = this.#deps.tiers.require(job.tier);
    if (job.plan.kind === 'derive') {
      return deriveVariant(job, job.plan.variant, {
        ...this.#deps,
        tier,
        reservations: this.#reservations,
        runner: this.#runner,
      });
    }
    // Nothing is read for a copy whose name is taken.
    const { path } = tier.placeOf(job.file.root, job.file.rel);
    await this.#deps.accounts.compared(path);
    if (this.#isMade(job)) return;
    await this.#assertNotWritten(path, tier);
    await this.#assertMedium(job);
    if (!job.origin) this.#runner.assertWithinBudget(job);
    job.others = await this.#others(job, tier);
    if (job.others === null && (await this.#link(job, tier))) return;
    // An unreadable source evicts nothing and becomes no entry.
    if (job.kind !== 'adopt' && job.others === null && planOf(job, this.#deps).kind === 'copy')
      job.store = await this.#storeFor(job, tier);
    await this.#deps.catalog.writable();
    const copy = await this.#reservations.make(job, tier);
    try {
      const report = await this.#made(job, tier, copy);
      await this.#deps.catalog.write(() => this.#publish(copy, report, job));
    } catch (error) {
      const keep = () => this.#keep(copy, partialPath(tier.partialDir, job.file.path));
      if (!this.#deps.isStopping()) await this.#deps.catalog.write(keep);
      const isGone = toCacheError(error).code === 'CACHE_IO' && tier.state() === 'away';
      throw isGone ? new CacheError('CACHE_AWAY', 'the cache disk went away while the copy was made', { cause: error }) : error;
    }
    if (job.kind === 'compress') await dropAfterDemote(this.#deps, copy);
    else await dropAfterRestore(this.#deps, copy, 'restored');
  }

  /** The known content of a source that is away, which other hosts can give; null = the source is here, or too little is known. */
  async #others(job: Job, tier: Tier): Promise<Job['others']> {
    const { farm, sources, catalog } = this.#deps;
    if (job.kind !== 'copy' || job.origin || tier.name !== defaultTier || !isNetwork(job.medium)) return null;
    const held = farm?.heldByOthers(job.file.path);
    const entry = catalog.entries.byPath(job.file.path);
    if (!held || !entry || !isSameFingerprint(held.fingerprint, job.file.fingerprint)) return null;
    const { state } = await sources.stat({ ...entry, medium: job.medium }, 'command');
    return state === 'away' || state === 'denied' ? { content: held.content, hash: held.hash } : null;
  }

  #made(job: Job, tier: Tier, copy: Copy): Promise<CopyReport> {
    const { plan } = job;
    if (plan.kind === 'adopt') return this.#runner.adopt(job, tier, plan);
    return plan.kind === 'compress' ? this.#compress(job, tier, copy) : this.#copy(job, tier);
  }

  /** Startup may have recovered this copy after a crash while its job waited; then there is nothing to write. */
  #isMade(job: Job): boolean {
    const { catalog, tiers } = this.#deps;
    const entry = catalog.entries.byPath(job.file.path);
    const made = entry ? catalog.copies.readyOf(entry.id).filter(({ tier }) => tier === job.tier) : [];
    if (!tiers.soundCopy(made, job.file.fingerprint)) return false;
    job.resumedFrom = job.file.fingerprint.size;
    job.bytesDone = job.resumedFrom;
    return true;
  }

  /** A file that a program saved over a copy belongs to the user: nothing replaces it. @throws CacheError NOT_ADMITTED */
  async #assertNotWritten(path: string, tier: Tier): Promise<void> {
    const { catalog, evictor } = this.#deps;
    const copy = catalog.copies.byPath(path);
    const isKnown = catalog.written.sourceAt(path) !== null && tier.hasForeign(path);
    if (!isKnown && !(copy && (await evictor.isWritten(copy, tier)))) return;
    throw new CacheError('NOT_ADMITTED', `a program has saved its own file in the place of the copy, ${path}`, {
      hint: 'autocached bring-back brings it beside its source',
    });
  }

  /**
   * Checks the medium again: a new link may lead to a disk that needs no copy, or to one that may hang its reader.
   * @throws CacheError CANCELLED; the next lookup knows better
   */
  async #assertMedium({ file: { path }, medium, origin }: Job): Promise<void> {
    const found = origin ? medium : await this.#deps.sources.mediumOf(path);
    if (found === null || found === medium) return;
    throw new CacheError('CANCELLED', `${path} lies on another disk (${found}) than its folder seemed to (${medium})`);
  }

  /** How much of the source is read first: more when copies must leave for it, all of it after an error that the samples missed. */
  #toRead(job: Job, tier: Tier): 'beginning' | 'samples' | 'whole' {
    // Each byte of a remote costs time and money.
    if (this.#deps.sources.remoteOf(job.file.root) !== null) return 'beginning';
    if (this.#reservations.hasRoom(job, tier)) return 'beginning';
    return this.#deps.hasFailedReading(job) ? 'whole' : 'samples';
  }

  /**
   * Makes the copy another name of an equal source's copy: nothing is written, no room is needed. Not in a farm, where each host would read
   * the source for that; its copies become one file when no program has them open.
   */
  async #link(job: Job, tier: Tier): Promise<boolean> {
    const { catalog, log } = this.#deps;
    const mayBe = job.kind === 'copy' && tierTraits[tier.name].links && !this.#runner.isShared(job, tier);
    const candidates = mayBe ? hardLinkCandidates(job.file, tier, catalog) : [];
    if (candidates.length === 0) return false;
    assertWanted(job);
    job.plan = { kind: 'link' };
    const report = await this.#runner.link(job, tier, candidates);
    if (!report || !(await publishLinked(report, job.file, tier, catalog))) {
      job.plan = { kind: 'copy' };
      job.bytesDone = 0;
      return false;
    }
    job.bytesDone = report.bytes;
    log.info({ path: job.file.path, of: report.twin.path }, 'the same bytes are there under another name');
    return true;
  }

  /** Copies from the shared store; null when it gives nothing good. */
  async #fromStore(job: Job, tier: Tier, store: StoreOrigin): Promise<CopyReport | null> {
    try {
      const report = await this.#runner.fromStore(job, tier, store);
      this.#deps.sharedStore?.took(store, report.bytes, report.readMs);
      return report;
    } catch (error) {
      const { code } = toCacheError(error);
      if (isOurs.includes(code)) throw error;
      this.#deps.sharedStore?.gaveNothing(store, error);
      job.bytesDone = 0;
      return null;
    }
  }

  /**
   * The shared store when reading from it is better or the source does not answer; null = the source is readable, and is read.
   * @throws CacheError as `CopyRunner.probe`
   */
  async #storeFor(job: Job, tier: Tier): Promise<StoreOrigin | null> {
    const store = tier.name === defaultTier ? this.#deps.sharedStore : null;
    const faster = await store?.sourceOf(job.file, job.medium);
    if (faster) return faster;
    try {
      await this.#runner.probe(job, this.#toRead(job, tier));
      return null;
    } catch (error) {
      const { code } = toCacheError(error);
      const isAway = code === 'SOURCE_AWAY' || code === 'NOT_PERMITTED';
      const instead = isAway ? await store?.sourceOf(job.file, job.medium, true) : null;
      if (!instead) throw error;
      return instead;
    }
  }

  /** Copies from the fastest copy that matches its seal, or from the source when there is none. */
  async #copy(job: Job, tier: Tier): Promise<CopyReport> {
    const { catalog, onDamaged } = this.#deps;
    for (;;) {
      assertWanted(job);
      job.plan = planOf(job, this.#deps);
      const { origin } = job;
      try {
        if (origin) return await this.#runner.restore(job, tier, origin);
        return (job.store && (await this.#fromStore(job, tier, job.store))) ?? (await this.#runner.copy(job, tier));
      } catch (error) {
        const entry = origin && catalog.entries.byId(origin.entryId);
        if (!entry || !(error instanceof CacheError) || error.code !== 'CORRUPT') throw error;
        onDamaged(origin, entry, error.message);
        const next = planOf(job, this.#deps);
        if ('origin' in next && next.origin?.id === origin.id) throw error;
        job.bytesDone = 0;
      }
    }
  }

  async #compress(job: Job, tier: Tier, copy: Copy): Promise<CopyReport> {
    const { catalog, onDamaged } = this.#deps;
    job.plan = planOf(job, this.#deps);
    const { origin } = job;
    if (!origin) throw new CacheError('CANCELLED', 'the copy to compress is gone');
    if (catalog.bases.dependents(copy.path).length > 0)
      throw new CacheError('CANCELLED', 'others stand on its former compressed form');
    const bases = (await this.#mayStandOnOthers(origin)) ? candidatesFor(origin, catalog) : [];
    // This keeps the bases from being evicted meanwhile.
    await catalog.write(() => catalog.bases.set(copy.placement, bases));
    try {
      return await this.#runner.compress(job, tier, { origin, bases });
    } catch (error) {
      const { code, message } = toCacheError(error);
      const entry = catalog.entries.byId(origin.entryId);
      if (code === 'CORRUPT' && entry) onDamaged(origin, entry, message);
      if (code === 'NOT_ADMITTED') await catalog.write(() => catalog.placements.setDense(origin.placement));
      else if (code !== 'NO_SPACE') throw error;
      throw new CacheError('CANCELLED', message);
    }
  }

  /** A copy may stand on others only while its source exists: without both it could not be made again. */
  async #mayStandOnOthers({ entryId, source }: Copy): Promise<boolean> {
    const { catalog, sources } = this.#deps;
    const entry = catalog.entries.byId(entryId);
    const found = entry && (await sources.stat({ ...entry, medium: 'hdd' }, 'command'));
    return found?.state === 'present' && isSameFingerprint(found.fingerprint, source);
  }

  #publish(copy: Copy, report: CopyReport, job: Job): void {
    const { catalog, tiers } = this.#deps;
    catalog.transaction(() => {
      const entry = catalog.entries.put({ ...job.file, fingerprint: report.source });
      // A catalog that was replaced meanwhile gives the same ids to others.
      const { id } = catalog.copies.isCurrent(copy)
        ? copy
        : catalog.copies.enter({ ...copy, entryId: entry.id, bytes: report.seal.size });
      catalog.copies.publish(id, report);
      if (job.kind === 'copy') catalog.sharedObjects.noteCopied(entry.id, report.fromStore === true);
      if (report.farm) catalog.farmContents.save(entry.id, report.source, report.farm.content.id, report.farm);
      const { dir = '' } = tiers.require(job.tier);
      const placement = catalog.copies.byId(id)?.placement;
      if (job.kind === 'compress' && placement !== undefined)
        catalog.bases.set(
          placement,
          (report.bases ?? []).map((file) => join(dir, file)),
        );
    });
    job.bytesDone = report.bytes;
  }

  /** The resumable part of an interrupted copy stays in the accounts. */
  #keep(copy: Copy, temp: string): void {
    const { copies, placements } = this.#deps.catalog;
    const bytes = keepPartial(temp);
    if (!copies.isCurrent(copy)) return;
    if (bytes > 0) placements.shrink(copy.placement, bytes);
    else copies.forget(copy.id);
  }
}

/** Most compressed files that are tried as bases of another. */
const mostTried = 8;

function candidatesFor({ entryId, source }: Copy, catalog: Catalog): string[] {
  return catalog.bases.candidates({ entryId, size: source.size, most: mostTried });
}
