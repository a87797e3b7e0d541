import type { ScrubReport } from '../api/verify.ts';
import { CacheError, sentenceOf } from '../core/errors.ts';
import type { Copy, Entry, TierName } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { Periodic } from '../runtime/periodic.ts';
import { throttle } from '../runtime/throttle.ts';
import type { Verdict } from '../transfer/verify-messages.ts';
import { VerifyThread } from '../transfer/verify-thread.ts';
import { type DamagedDeps, retireDamaged } from './damaged.ts';

export interface ScrubDeps extends DamagedDeps {
  clock: Clock;
  /** Has the source copied again; false when it is absent. */
  recopy(entry: Entry): Promise<boolean>;
  /** Receives the time spent reading a copy past the page cache, ms. */
  onMeasured(tier: TierName, bytes: number, readMs: number): void;
  /** To be called when the SHA-256 of a copy was added to its proof. */
  onIdentified(copy: Copy, entry: Entry): void;
  /** Every copy is verified once per this period, ms; null = only on request. */
  periodMs(): number | null;
}

/** Pause between two searches for due copies, ms. */
const lookEveryMs = 60 * 60_000;
/** Delay of the first search, ms: programs that start with the machine need its disks and memory before. */
const firstLookMs = 5 * 60_000;
/** Minimum rate of a round, bytes per second; otherwise it runs at twice the pace that its period requires. */
const slowestRate = 16 * 1024 * 1024;
/** Minimum interval between progress events, ms. */
const progressEveryMs = 250;

/**
 * Finds flipped bits on the SSD: verifies copies against the hashes of their proofs, in a thread of low priority. A differing copy
 * goes out of service at once, and is replaced if its source is present. It touches nothing else in the cache directory.
 */
export class Scrub implements AsyncDisposable {
  readonly #deps: ScrubDeps;
  readonly #stop = new AbortController();
  readonly #looking: Periodic;
  #pauseMs = firstLookMs;

  constructor(deps: ScrubDeps) {
    this.#deps = deps;
    const { periodMs, log } = deps;
    const round = async () => {
      this.#pauseMs = lookEveryMs;
      const period = periodMs();
      if (period !== null) await this.scrubDue(period);
    };
    const onError = (err: unknown) => log.error({ err }, 'reading copies again failed');
    this.#looking = new Periodic(round, { everyMs: () => this.#pauseMs, onError });
  }

  /** Starts to verify due copies periodically; returns at once. */
  start(): void {
    this.#looking.later();
  }

  /** Searches for due copies at once, because the period has changed. */
  reconsider(): void {
    void this.#looking.now();
  }

  /** Verifies, slowly, every file whose last check is older than `periodMs`, under one of its names. */
  scrubDue(periodMs: number): Promise<ScrubReport> {
    const { copies, placements } = this.#deps.catalog;
    const now = this.#deps.clock.now();
    const due = { since: now - periodMs, now };
    const rate = Math.max(slowestRate, (2 * placements.allBytes()) / (periodMs / 1000));
    return this.#verify(copies.unverified(due), placements.unverifiedBytes(due), { rate });
  }

  /** Verifies all copies in service. */
  verifyAll(options: { signal?: AbortSignal } = {}): Promise<ScrubReport> {
    const { copies } = this.#deps.catalog;
    return this.#verify(copies.inService(), copies.bytesInService(), options);
  }

  /** Verifies these copies, one after the other. Skips those no longer in service when their turn comes. */
  verify(copies: readonly Copy[], options: { rate?: number; signal?: AbortSignal } = {}): Promise<ScrubReport> {
    const total = copies.reduce((sum, { bytes }) => sum + bytes, 0);
    return this.#verify(copies, total, options);
  }

  async #verify(copies: Iterable<Copy>, total: number, options: { rate?: number; signal?: AbortSignal }): Promise<ScrubReport> {
    const answer: ScrubReport = { files: 0, bytes: 0, damaged: [], skipped: [] };
    const signal = AbortSignal.any([this.#stop.signal, ...(options.signal ? [options.signal] : [])]);
    let thread: VerifyThread | undefined;
    const end = () => thread?.[Symbol.dispose]();
    signal.addEventListener('abort', end, { once: true });
    let before = 0;
    try {
      for (const listed of copies) {
        // A round takes long; a listed copy may have another seal meanwhile.
        const copy = this.#deps.catalog.copies.byPath(listed.path) ?? listed;
        if (signal.aborted) throw new CacheError('CANCELLED', 'the check was broken off');
        thread ??= new VerifyThread();
        const entry = this.#deps.catalog.entries.byId(copy.entryId);
        const progress = this.#progress(copy, entry, { before, total });
        const checked = entry && (await this.#check(thread, copy, { rate: options.rate ?? null, progress }));
        // Copies that share a damaged file went out of service with it.
        const isTold = answer.damaged.some((damaged) => damaged.copy === copy.path);
        if (entry && !isTold) await this.#note(copy, entry, checked, answer);
        before += copy.bytes;
      }
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#looking[Symbol.asyncDispose]();
    this.#stop.abort();
    await ended;
  }

  /** The verdict, or why the copy was skipped. */
  async #check(
    thread: VerifyThread,
    copy: Copy,
    { rate, progress }: { rate: number | null; progress: (bytesDone: number) => void },
  ): Promise<Verdict | { skipped: string }> {
    const tier = this.#deps.tiers.get(copy.tier);
    if (!tier || !copy.seal || !copy.hash) return { skipped: 'it has no proof to compare with' };
    if (!this.#isCurrent(copy)) return { skipped: 'it is no longer in service' };
    if (tier.state() === 'away') return { skipped: 'the cache disk is away' };
    const order = {
      path: copy.path,
      manifestPath: tier.manifestPathOf(copy.path),
      seal: copy.seal,
      hash: copy.hash,
      form: copy.form,
      identity: copy.form === 'plain',
      rate,
    };
    const verdict = await thread.verify(order, progress).catch((error: unknown) => {
      if (error instanceof CacheError && error.code === 'CACHE_IO') return { skipped: error.message };
      throw error;
    });
    if (tier.state() === 'away') return { skipped: 'the cache disk went while it was read' };
    // If the copy was replaced or removed during the read, the verdict is about another file.
    return this.#isCurrent(copy) ? verdict : { skipped: 'it left while it was read' };
  }

  async #note(
    copy: Copy,
    entry: Entry,
    checked: Verdict | { skipped: string } | undefined,
    answer: ScrubReport,
  ): Promise<void> {
    const item = { id: entry.id, path: entry.path, bytes: copy.bytes };
    if (!checked || 'skipped' in checked) {
      answer.skipped.push({ ...item, why: checked?.skipped ?? 'it is not known' });
      return;
    }
    answer.files += 1;
    answer.bytes += copy.bytes;
    if (checked.same) {
      const { catalog, clock } = this.#deps;
      await catalog.write(() => catalog.placements.verified(copy.placement, clock.now()));
      if (checked.readMs !== null) this.#deps.onMeasured(copy.tier, copy.bytes, checked.readMs);
      if (checked.sha256 !== null && copy.sha256 === null) await this.#identify(copy, entry, checked.sha256);
    } else answer.damaged.push(...(await this.#retire(copy, entry, checked)));
  }

  async #identify(copy: Copy, entry: Entry, sha256: string): Promise<void> {
    const { catalog, tiers, log, onIdentified } = this.#deps;
    const tier = tiers.get(copy.tier);
    if (!tier) return;
    try {
      const proof = await tier.manifestOf(copy.path);
      if (!proof) return;
      // A copy that changed meanwhile has another proof.
      const isCurrent = () => this.#isCurrent(copy);
      const noted =
        proof.sha256 === null ? await tier.replaceManifest(copy.path, { ...proof, sha256 }, isCurrent) : isCurrent();
      if (!noted) return;
      await catalog.write(() => catalog.contents.identify(copy, sha256));
    } catch (err) {
      log.warn({ path: copy.path, err }, 'a SHA-256 could not be noted');
      return;
    }
    onIdentified(copy, entry);
  }

  async #retire(copy: Copy, entry: Entry, { why, chunks }: Extract<Verdict, { same: false }>): Promise<ScrubReport['damaged']> {
    const damaged = await this.#deps.catalog.write(() => retireDamaged(this.#deps, { copy, entry }, { why, chunks }));
    return Promise.all(
      damaged.map(async (one) => {
        const { id, path } = one.entry;
        const { path: at, bytes, tier } = one.copy;
        return { id, path, bytes, copy: at, tier, why, chunks, recopied: await this.#recopy(one.entry) };
      }),
    );
  }

  #recopy(entry: Entry): Promise<boolean> {
    return this.#deps.recopy(entry).catch((error: unknown) => {
      this.#deps.log.warn({ path: entry.path, why: sentenceOf(error) }, 'a damaged copy could not be replaced yet');
      return false;
    });
  }

  #isCurrent(copy: Copy): boolean {
    const now = this.#deps.catalog.copies.byPath(copy.path);
    // Equal copies may be joined to one file at any time; the row then has another placement.
    return now?.id === copy.id && now.state === 'ready' && now.placement === copy.placement;
  }

  /** A compressed copy counts with the bytes of its file; copies made since the round began make it longer. */
  #progress(
    { bytes }: Copy,
    entry: Entry | undefined,
    { before, total }: { before: number; total: number },
  ): (bytesDone: number) => void {
    const { clock, events } = this.#deps;
    if (!entry) return () => {};
    return throttle(progressEveryMs, clock, (ofCopy: number) => {
      const bytesDone = before + Math.min(ofCopy, bytes);
      events.emit('verify-progress', { path: entry.path, bytesDone, bytesTotal: Math.max(total, bytesDone) });
    });
  }
}
