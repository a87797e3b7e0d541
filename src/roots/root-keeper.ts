import type { RootView } from '../api/api.ts';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { InFlight } from '../runtime/in-flight.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import { Serial } from '../runtime/serial.ts';
import type { RootState, WaitLimit } from '../sources/client.ts';
import type { RootFacts, RootIdentity } from '../sources/driver.ts';
import { readerOf } from '../sources/pool.ts';
import type { Root } from '../sources/root.ts';
import { missingText } from './missing.ts';
import { relearnRoot } from './register.ts';
import { type ScanOptions, scanDirectory, scanRoot } from './scan.ts';
import { Silences } from './silences.ts';

export interface RootKeeperOptions extends Omit<ScanOptions, 'signal'> {
  log: Log;
  clock?: Clock;
  onHealth(root: Root, health: RootView['health'], why: string | null): void;
  /** Called when the root has files, with its directory. */
  onFilled?(root: Root, identity: RootIdentity): void;
  /** Pause between two walks of a root, ms. */
  rescanMs: number;
  /** The same for a remote: each request may cost money. */
  remoteListMs?: number;
  /** Interval between two checks of whether the roots are present, ms. */
  healthMs?: number;
  /** Time for which changes in a directory are gathered before a check, ms. */
  settleMs?: number;
}

export interface ScanTotals {
  files: number;
  bytes: number;
  ms: number;
}

interface Kept {
  health: RootView['health'];
  why: string | null;
  files: number | null;
  /** Its last volume and path without links; empty until it is seen. */
  place: string | null;
  /** Whether it was present since the start of the daemon. */
  wasOk: boolean;
  /** Monotonic ms. */
  scanDueAt: number;
  watch: { stop: AbortController; stands: () => boolean } | null;
  /** Reported changes are checked one after the other. */
  changes: Serial;
}

const lookMs = 10_000;
const samples = 5;
/** Pause between two checks while a root is away, ms. */
const awayLookMs = 5_000;

/**
 * Keeps the known state of the roots true: walks them, watches the local ones, and tells an outage from a deletion. A root that
 * is absent, silent, on another file system than before, or empty is `away`; then nothing is reported about its files. An empty local
 * root that is the same directory as one with files before was emptied, and is present.
 */
export class RootKeeper implements AsyncDisposable {
  #options: RootKeeperOptions & { clock: Clock; healthMs: number; settleMs: number };
  #kept = new Map<Root, Kept>();
  #stop = new AbortController();
  readonly #scans = new InFlight<Root, ScanTotals>();
  readonly #checks = new InFlight<Root, void>();
  readonly #looking: Periodic;
  readonly #silences = new Silences(() => this.#options.clock.monotonic());

  constructor(options: RootKeeperOptions) {
    this.#options = { clock: systemClock, healthMs: 30_000, settleMs: 1_000, ...options };
    const onError = (err: unknown) => options.log.error({ err }, 'looking at the roots failed');
    this.#looking = new Periodic(() => this.look(), { everyMs: () => this.#pauseMs(), onError });
  }

  /** Checks all roots now, and again at intervals; returns at once. */
  start(): void {
    void this.#looking.now();
  }

  /** Checks once whether the roots are present, and walks those that are due. Never throws. */
  async look(): Promise<void> {
    const isDue = (root: Root) => this.#options.clock.monotonic() >= this.#keep(root).scanDueAt || this.#isBlind(root);
    this.#letGo();
    await this.#inGroups(async (root) => {
      if (!isDue(root) && root.remote === null) await this.#identify(root);
      if (isDue(root)) await this.scan(root);
    });
  }

  /**
   * Walks one root, or all that answer, and reports the differences from the caller's knowledge.
   * @throws CacheError `SOURCE_AWAY` when the one root does not answer
   */
  scan(root?: Root): Promise<ScanTotals> {
    if (!root) return this.#scanAll();
    return this.#scans.run(root, () => this.#scanRoot(root, this.#keep(root)));
  }

  /** Walks the roots that have not been walked yet and are not known to be away. Never throws. */
  async listed(): Promise<void> {
    const isNew = (root: Root) => {
      const { files, health } = this.#keep(root);
      return files === null && (health === 'ok' || health === 'unknown');
    };
    const walks = this.#options.roots.list().filter(isNew);
    await Promise.allSettled(walks.map((root) => this.scan(root)));
  }

  /** Checks one root now, because an observation does not fit its known state. Never throws. */
  check(root: Root): Promise<void> {
    return this.#checks.run(root, () => this.#identify(root).catch((error) => this.#failed(root, error)));
  }

  health(root: Root): Pick<RootView, 'health' | 'why' | 'files'> {
    const { health, why, files } = this.#keep(root);
    return { health, why: why ?? this.#silences.of(root), files };
  }

  /** Ends all work under way. The readers belong to the host. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#looking[Symbol.asyncDispose]();
    this.#stop.abort();
    for (const kept of this.#kept.values()) kept.watch?.stop.abort();
    await Promise.all([ended, this.#scans.settled()]);
  }

  /** Interval of the checks; shorter while a root is away, because a program may wait for it. */
  #pauseMs(): number {
    const anyAway = [...this.#kept.values()].some(({ health }) => health === 'away' || health === 'missing');
    const { healthMs, roots, remoteListMs = healthMs } = this.#options;
    const listMs = roots.list().some(({ remote }) => remote !== null) ? remoteListMs : healthMs;
    return Math.min(healthMs, listMs, anyAway ? awayLookMs : healthMs);
  }

  async #scanAll(): Promise<ScanTotals> {
    const startedAt = this.#options.clock.monotonic();
    const totals = { files: 0, bytes: 0 };
    await this.#inGroups(async (root) => {
      const { files, bytes } = await this.scan(root);
      totals.files += files;
      totals.bytes += bytes;
    });
    return { ...totals, ms: this.#options.clock.monotonic() - startedAt };
  }

  /** Roots of one reader one after the other, readers in parallel. Roots found on the way are included. */
  async #inGroups(work: (root: Root) => Promise<unknown>): Promise<void> {
    const done = new Set<Root>();
    const left = () => this.#options.roots.list().filter((root) => !done.has(root));
    const inTurn = async (roots: Root[]) => {
      for (const root of roots) {
        done.add(root);
        if (!this.#stop.signal.aborted) await work(root).catch((error) => this.#failed(root, error));
      }
    };
    for (let roots = left(); roots.length > 0; roots = left()) {
      const groups = new Map<string | null, Root[]>();
      for (const root of roots) groups.set(readerOf(root), [...(groups.get(readerOf(root)) ?? []), root]);
      await Promise.all([...groups.values()].map(inTurn));
    }
  }

  /** When a reader ends, changes seen by its watch are lost. */
  #isBlind(root: Root): boolean {
    const { watch } = this.#keep(root);
    return watch !== null && !watch.stands();
  }

  /** Ends the watches of roots that were merged or removed. */
  #letGo(): void {
    const { roots } = this.#options;
    for (const [root, kept] of this.#kept) {
      if (roots.get(root.path) === root) continue;
      kept.watch?.stop.abort();
      this.#kept.delete(root);
    }
  }

  #failed(root: Root, error: unknown): void {
    const expected = error instanceof CacheError && (error.code === 'SOURCE_AWAY' || error.code === 'CANCELLED');
    if (!expected) this.#options.log.warn({ err: error, root: root.path }, 'a root could not be walked');
  }

  /** @throws CacheError `SOURCE_AWAY` */
  async #identify(root: Root): Promise<void> {
    const seen = await this.#silences.during(root, () => this.#options.host.identify(root, this.#waitLimit()));
    // The known facts of the root stay.
    if (seen.state === 'slow') throw new CacheError('SOURCE_AWAY', `${root.path}: ${seen.why}`);
    const back = seen.state === 'away' && seen.facts !== null && (await this.#recognises(root));
    if (back && seen.facts) this.#options.host.trust(root, seen.facts.identity);
    if (seen.state === 'away' && !back) {
      this.#keep(root).place ??= '';
      if (this.#neverWas(root, seen)) this.#setHealth(root, 'missing', await missingText(root.path));
      else this.#setHealth(root, 'away', seen.why);
      throw new CacheError('SOURCE_AWAY', `${root.path}: ${seen.why}`);
    }
    if (seen.facts) await this.#follow(root, seen.facts);
    if (seen.facts?.empty === false) this.#options.onFilled?.(root, seen.facts.identity);
    this.#setHealth(root, 'ok', null);
  }

  /** A link may lead to another disk than before, and a disk may have been mounted since. */
  async #follow(root: Root, { identity, real, ignoresCase }: RootFacts): Promise<void> {
    const kept = this.#keep(root);
    this.#options.roots.learnCase(root, ignoresCase);
    const place = `${identity.device} ${real}`;
    if (kept.place !== null && kept.place !== place) await relearnRoot(root, this.#options.roots);
    kept.place = place;
  }

  /** Whether a directory was never seen since it was named: then it is no outage, but a wrong name or a future directory. */
  #neverWas(root: Root, { absent }: Extract<RootState, { state: 'away' }>): boolean {
    if (!absent || this.#keep(root).wasOk) return false;
    for (const page of this.#options.known(root, root.path)) return page.length === 0;
    return true;
  }

  /** Whether a root on another volume is the same root: its known files are unchanged there. */
  async #recognises(root: Root): Promise<boolean> {
    for (const page of this.#options.known(root, root.path)) {
      for (const file of page.slice(0, samples)) {
        const state = await this.#options.host.stat(file.path, this.#waitLimit());
        if (state.state === 'present' && isSameFingerprint(state.fingerprint, file.fingerprint)) return true;
      }
      break;
    }
    return false;
  }

  async #scanRoot(root: Root, kept: Kept): Promise<ScanTotals> {
    const { clock, rescanMs, remoteListMs = rescanMs } = this.#options;
    const startedAt = clock.monotonic();
    await this.#identify(root);
    await this.#watch(root, kept);
    const { files, bytes } = await scanRoot(root, { ...this.#options, signal: this.#stop.signal });
    kept.files = files;
    kept.scanDueAt = clock.monotonic() + (root.remote === null ? rescanMs : remoteListMs);
    return { files, bytes, ms: clock.monotonic() - startedAt };
  }

  /** Local roots only: a network file system does not report the changes of others. */
  async #watch(root: Root, kept: Kept): Promise<void> {
    const { host, log, settleMs } = this.#options;
    if (readerOf(root) !== null || kept.watch?.stands()) return;
    const stop = new AbortController();
    const onTrouble = (why: string) => log.info({ root: root.path, why }, 'changes below this root wait for the next walk');
    const onChanged = (directories: string[]) => {
      void kept.changes.run(() => this.#changed(root, directories));
    };
    try {
      const stands = await host.watch(root, { settleMs, onChanged, onTrouble, signal: stop.signal });
      kept.watch = { stop, stands };
    } catch (error) {
      onTrouble(sentenceOf(error));
    }
  }

  async #changed(root: Root, directories: string[]): Promise<void> {
    try {
      for (const directory of directories) {
        if (this.#stop.signal.aborted) return;
        await scanDirectory(root, directory, { ...this.#options, signal: this.#stop.signal });
      }
    } catch (error) {
      this.#failed(root, error);
    }
  }

  #waitLimit(): WaitLimit {
    return { deadlineMs: lookMs, signal: this.#stop.signal };
  }

  #setHealth(root: Root, health: 'ok' | 'away' | 'missing', why: string | null): void {
    const { log, onHealth } = this.#options;
    if (this.#stop.signal.aborted) return;
    const kept = this.#keep(root);
    // An optional folder of ComfyUI that never existed is not away.
    if (health !== 'ok' && root.optional && kept.health === 'unknown') return;
    const changed = kept.health !== health;
    Object.assign(kept, { health, why, wasOk: kept.wasOk || health === 'ok' });
    if (!changed) return;
    if (health !== 'ok') {
      kept.watch?.stop.abort();
      kept.watch = null;
      // Changes until it is back are unknown.
      kept.scanDueAt = Number.NEGATIVE_INFINITY;
      // The pending check is due sooner now; a running one rearms when it ends.
      this.#looking.rearm();
      log.warn({ root: root.path, why }, `a root is ${health}`);
    } else log.info({ root: root.path }, 'a root answers');
    onHealth(root, health, why);
  }

  #keep(root: Root): Kept {
    const known = this.#kept.get(root);
    if (known) return known;
    const nothing = { health: 'unknown' as const, why: null, files: null, place: null, watch: null, wasOk: false };
    const kept: Kept = { ...nothing, scanDueAt: Number.NEGATIVE_INFINITY, changes: new Serial() };
    this.#kept.set(root, kept);
    return kept;
  }
}
