import type { ScrubReport } from '../api/verify.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import type { Copy, Entry, TierName } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { Periodic } from '../runtime/periodic.ts';
import { throttle } from '../runtime/throttle.ts';
import type { Verdict } from '../transfer/verify-messages.ts';
import { type DamagedDeps, retireDamaged } from './damaged.ts';
import { ScrubThread } from './scrub-thread.ts';

export interface ScrubDeps extends DamagedDeps {
  clock: Clock;
  /** Has the source copied again; false when it is not there. */
  recopy(entry: Entry): Promise<boolean>;
  /** Told how long reading a copy past the page cache took, ms. */
  onMeasured(tier: TierName, bytes: number, readMs: number): void;
  /** Told when the SHA-256 of a copy was made, after all, and stands in its proof. */
  onIdentified(copy: Copy, entry: Entry): void;
  /** Period in which every copy is read again, ms; null = only when asked for. */
  periodMs(): number | null;
}

/** Pause between two looks for copies that are due, ms. */
const lookEveryMs = 60 * 60_000;
/** A round of one period goes at twice the pace that would just do, and never slower than this, bytes per second. */
const slowestRate = 16 * 1024 * 1024;
/** Progress events are at least so far apart, ms. */
const progressEveryMs = 250;

/**
 * Finds bits that have turned on the SSD: reads copies again and compares them with the hashes of their proofs, in a thread of
 * low priority. A copy that differs goes out of service at once, and is replaced when its source is there. Nothing else in the
 * cache directory is looked at or touched.
 */
export class Scrub implements AsyncDisposable {
  readonly #deps: ScrubDeps;
  readonly #stop = new AbortController();
  #looking: Periodic | null = null;

  constructor(deps: ScrubDeps) {
    this.#deps = deps;
  }

  /** Begins to read what is due, now and again for ever; returns at once. To be called again when the period has changed. */
  start(): void {
    const { periodMs, log } = this.#deps;
    const round = async () => {
      const period = periodMs();
      if (period !== null) await this.scrubDue(period);
    };
    const onError = (err: unknown) => log.error({ err }, 'reading copies again failed');
    this.#looking ??= new Periodic(round, { everyMs: lookEveryMs, onError });
    void this.#looking.now();
  }

  /** Reads every file whose last check is longer ago than `periodMs`, slowly, under one of its names. */
  scrubDue(periodMs: number): Promise<ScrubReport> {
    const { copies, placements } = this.#deps.catalog;
    const now = this.#deps.clock.now();
    const due = { since: now - periodMs, now };
    const rate = Math.max(slowestRate, (2 * placements.allBytes()) / (periodMs / 1000));
    return this.#verify(copies.unverified(due), placements.unverifiedBytes(due), { rate });
  }

  /** Reads everything in service now. */
  verifyAll(options: { signal?: AbortSignal } = {}): Promise<ScrubReport> {
    const { copies } = this.#deps.catalog;
    return this.#verify(copies.inService(), copies.bytesInService(), options);
  }

  /** Reads these copies now, one after the other. What has no copy in service when its turn comes is skipped. */
  verify(copies: readonly Copy[], options: { rate?: number; signal?: AbortSignal } = {}): Promise<ScrubReport> {
    const total = copies.reduce((sum, { bytes }) => sum + bytes, 0);
    return this.#verify(copies, total, options);
  }

  async #verify(copies: Iterable<Copy>, total: number, options: { rate?: number; signal?: AbortSignal }): Promise<ScrubReport> {
    const answer: ScrubReport = { files: 0, bytes: 0, damaged: [], skipped: [] };
    const signal = AbortSignal.any([this.#stop.signal, ...(options.signal ? [options.signal] : [])]);
    let thread: ScrubThread | undefined;
    const end = () => thread?.[Symbol.dispose]();
    signal.addEventListener('abort', end, { once: true });
    let before = 0;
    try {
      for (const listed of copies) {
        // A round takes long; what was listed may have another seal by now.
        const copy = this.#deps.catalog.copies.byPath(listed.path) ?? listed;
        if (signal.aborted) throw new CacheError('CANCELLED', 'the check was broken off');
        thread ??= new ScrubThread();
        const entry = this.#deps.catalog.entries.byId(copy.entryId);
        const progress = this.#progress(entry, { before, total });
        const checked = entry && (await this.#check(thread, copy, { rate: options.rate ?? null, progress }));
        // What shares the file of a damaged copy went out of service with it.
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
    const ended = this.#looking?.[Symbol.asyncDispose]();
    this.#stop.abort();
    await ended;
  }

  /** The verdict, or why there is none. */
  async #check(
    thread: ScrubThread,
    copy: Copy,
    { rate, progress }: { rate: number | null; progress: (bytesDone: number) => void },
  ): Promise<Verdict | { skipped: string }> {
    const tier = this.#deps.tiers.get(copy.tier);
    if (!tier || !copy.seal || !copy.hash) return { skipped: 'it has no proof to compare with' };
    if (!this.#isCurrent(copy)) return { skipped: 'it is no longer in service' };
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
    // It may have been replaced or removed while it was read: then it was another file that was found.
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
      this.#deps.catalog.placements.verified(copy.placement, this.#deps.clock.now());
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
      // Whatever changed meanwhile has a proof of its own.
      const isCurrent = () => this.#isCurrent(copy);
      const noted =
        proof.sha256 === null ? await tier.replaceManifest(copy.path, { ...proof, sha256 }, isCurrent) : isCurrent();
      if (!noted) return;
      catalog.contents.identify(copy, sha256);
    } catch (err) {
      log.warn({ path: copy.path, err }, 'a SHA-256 could not be noted');
      return;
    }
    onIdentified(copy, entry);
  }

  async #retire(copy: Copy, entry: Entry, { why, chunks }: Extract<Verdict, { same: false }>): Promise<ScrubReport['damaged']> {
    const damaged = retireDamaged(this.#deps, { copy, entry }, { why, chunks });
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
      this.#deps.log.warn({ path: entry.path, why: messageOf(error) }, 'a damaged copy could not be replaced yet');
      return false;
    });
  }

  #isCurrent(copy: Copy): boolean {
    const now = this.#deps.catalog.copies.byPath(copy.path);
    // Equal copies become one file while nobody looks: the row then has the placement of that one.
    return now?.id === copy.id && now.state === 'ready' && now.placement === copy.placement;
  }

  #progress(entry: Entry | undefined, { before, total }: { before: number; total: number }): (bytesDone: number) => void {
    const { clock, events } = this.#deps;
    if (!entry) return () => {};
    return throttle(progressEveryMs, clock, (bytesDone: number) => {
      events.emit('verify-progress', { path: entry.path, bytesDone: before + bytesDone, bytesTotal: total });
    });
  }
}
