import { CacheError, sentenceOf, toCacheError } from '../core/errors.ts';
import type { Fingerprint, SourceFile, SourceState } from '../core/types.ts';
import { hasStableInodes } from '../media/file-systems.ts';
import type { KnownVolume } from '../media/machine.ts';
import { detectMedium, knownVolumes } from '../media/medium.ts';
import { liesBelow } from '../media/paths.ts';
import { knownNow } from '../media/read-volumes.ts';
import type { Calls } from '../runtime/calls.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { FileBatch, Listing, Published, ReadSpeeds, RootFacts, RootIdentity, StatAnswer } from './driver.ts';
import { type Elsewhere, type Ground, isElsewhere, type Reader } from './messages.ts';
import { type ReaderPlace, SourcePool, type SourcePoolOptions } from './pool.ts';
import type { Root, RootIndex } from './root.ts';
import { RootIdentities } from './root-identities.ts';
import { type AskOptions, type QuestionListener, Silence, type SourceChannel } from './rpc.ts';

export interface SourceClientOptions extends SourcePoolOptions {
  roots: RootIndex;
  /** Whether the file systems of the roots ignore case; for tests. By default each is asked. */
  ignoresCase?: boolean | undefined;
}

export interface ListedFile {
  path: string;
  fingerprint: Fingerprint;
}

/**
 * State of a root. `away`: it does not answer, is empty or absent (no `facts`), or another file system has its path (`facts` of
 * that one).
 */
export type RootState =
  | { state: 'ok'; facts: RootFacts }
  /** Its reader is busy with other requests: the state is unknown, and the root is not away. */
  | { state: 'slow'; why: string; facts: null }
  /** `absent`: its file system answers, and has no such directory. */
  | { state: 'away'; why: string; facts: RootFacts | null; absent?: boolean };

/** The timeout of a caller. */
export interface WaitLimit {
  deadlineMs: number;
  signal?: AbortSignal;
  /** Whether to wait the full time even while an earlier request is unanswered. */
  patient?: boolean;
}

export interface WalkRequest {
  /** Default: the root itself. */
  directory?: string;
  recursive?: boolean;
  /** Restricts the walk to files that a loader of this file may open beside it. */
  beside?: string;
  onFiles(files: ListedFile[]): void;
  signal?: AbortSignal | undefined;
}

export interface WatchRequest {
  settleMs: number;
  onChanged(directories: string[]): void;
  /** Some directories are not watched: the system's limits, or the root is gone. */
  onTrouble(why: string): void;
  signal: AbortSignal;
}

/** Maximum silence during a walk, ms: one listing of a large directory on a NAS that wakes up. */
const walkSilenceMs = 60_000;
const watchDeadlineMs = 30_000;

/**
 * The only access to sources, none of which runs in the daemon's own threads. Local roots share one worker thread; each network
 * device (server share, FUSE mount) has its own child process. No request waits longer than its deadline.
 */
export class SourceClient implements AsyncDisposable {
  #roots: RootIndex;
  #readers: SourcePool;
  #identities = new RootIdentities();
  #volumes: KnownVolume[] = [];
  #clock: Clock;
  readonly #ignoresCase: boolean | undefined;
  /** Duration of the last answer about a file below each root, ms; none once the root has not answered. */
  #answerMs = new Map<string, number>();

  constructor({ roots, ignoresCase, ...options }: SourceClientOptions) {
    this.#roots = roots;
    this.#ignoresCase = ignoresCase;
    this.#clock = options.clock ?? systemClock;
    this.#readers = new SourcePool(options);
  }

  /**
   * The current state of one source; never throws. `missing` only when its root answers and is the same volume as before; `slow` if
   * its reader is busy, its last answer took longer than this caller waits, or it is `brief` and waits too short a time to tell.
   */
  async stat(path: string, options: WaitLimit & { brief?: boolean }): Promise<SourceState> {
    const located = this.#roots.find(path);
    if (!located) return { state: 'away', why: 'it is not inside a configured model folder' };
    try {
      const stat: Question<StatAnswer> = (reader, ground) => reader.stat(ground, located.path);
      const startedAt = this.#clock.monotonic();
      const { answer, ground } = await this.#ask(located.root, stat, options);
      this.#answerMs.set(located.root.path, this.#clock.monotonic() - startedAt);
      return this.#stateOf(answer, ground.root);
    } catch (error) {
      const { code, message } = toCacheError(error);
      if (error instanceof Silence) {
        const isSlow = options.brief || error.isBusy || this.isKnownSlow(path, options.deadlineMs);
        return { state: isSlow ? 'slow' : 'away', why: message };
      }
      return { state: code === 'NOT_PERMITTED' ? 'denied' : 'away', why: message };
    }
  }

  /** Whether the last answer about a file of this root took longer than that. */
  isKnownSlow(path: string, deadlineMs: number): boolean {
    return (this.#answerMs.get(this.#roots.find(path)?.root.path ?? '') ?? 0) > deadlineMs;
  }

  /** Whether a root is present; never throws. Waits the full time even while an earlier request is unanswered. */
  async identify(root: Root, options: WaitLimit): Promise<RootState> {
    try {
      const identify: Question<RootFacts> = (reader, ground) => reader.identify(ground);
      const { answer } = await this.#ask(root, identify, { ...options, patient: true });
      const facts = { ...answer, ignoresCase: this.#ignoresCase ?? answer.ignoresCase };
      const why = this.#identities.outage(root.path, facts);
      return why === null ? { state: 'ok', facts } : { state: 'away', why, facts: facts.empty ? null : facts };
    } catch (error) {
      if (error instanceof Silence && error.isBusy) return { state: 'slow', why: error.message, facts: null };
      this.#answerMs.delete(root.path);
      const absent = toCacheError(error).code === 'SOURCE_MISSING';
      return { state: 'away', why: sentenceOf(error), facts: null, ...(absent && { absent }) };
    }
  }

  /** Accepts the identity of a volume that proved to be the root's. */
  trust(root: Root, identity: RootIdentity): void {
    this.#identities.trust(root.path, identity);
  }

  /** Sets the directory of a root in which an earlier run has seen files: if that directory is empty now, it was emptied. */
  remember(root: Root, identity: RootIdentity): void {
    this.#identities.remember(root.path, identity);
  }

  /**
   * Walks a root, or one directory of it, without the roots below it.
   * @throws CacheError `SOURCE_AWAY`, `SOURCE_IO`, `CANCELLED`
   */
  async walk(root: Root, { directory = root.path, recursive = true, beside, onFiles, signal }: WalkRequest): Promise<Listing> {
    const skip = this.#rootsBelow(root);
    const stop = new AbortController();
    let failure: { error: unknown } | null = null;
    const listener: QuestionListener = {
      onFiles: (batch) => {
        if (failure) return;
        try {
          onFiles(filesOf(batch, directory, this.#roots.rules.sep));
        } catch (error) {
          failure = { error };
          stop.abort();
        }
      },
    };
    const list: Question<Listing> = (reader, ground, id) => reader.list(id, ground, { directory, recursive, beside, skip });
    const ended = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    try {
      return (await this.#ask(root, list, { deadlineMs: walkSilenceMs, listener, signal: ended })).answer;
    } catch (error) {
      throw (failure as { error: unknown } | null)?.error ?? error;
    }
  }

  /**
   * Watches a local root until the signal ends it. @returns a function that tells whether the watch is still active
   * @throws CacheError `SOURCE_AWAY`, `SOURCE_IO`
   */
  async watch(root: Root, { settleMs, onChanged, onTrouble, signal }: WatchRequest): Promise<() => boolean> {
    const listener: QuestionListener = {
      onChanged(directories, trouble) {
        if (trouble !== null) onTrouble(trouble);
        if (directories.length > 0) onChanged(directories);
      },
    };
    const skip = this.#rootsBelow(root);
    const watch: Question<number> = (reader, ground, id) => reader.watch(id, ground, { skip, settleMs });
    const { channel } = await this.#ask(root, watch, { deadlineMs: watchDeadlineMs, listener, signal });
    return () => channel.listens(listener);
  }

  /** A small text file anywhere (ComfyUI's yaml may be on a NAS); null when it does not exist. @throws CacheError */
  async readText(path: string, options: WaitLimit): Promise<string | null> {
    const channel = this.#readers.for({ ...(await detectMedium(path)), path });
    return channel.ask((reader) => reader.readText(path), options);
  }

  /** The first bytes of a source. @throws CacheError as `SourceDriver.open` */
  async head(file: SourceFile, bytes: number, options: WaitLimit): Promise<Uint8Array> {
    const located = this.#roots.find(file.path);
    if (!located) throw new CacheError('SOURCE_MISSING', `${file.path} lies below no known root`);
    const head: Question<Uint8Array> = (reader, ground) => reader.head(ground, file, bytes);
    return (await this.#ask(located.root, head, options)).answer;
  }

  /** Time of one small read from the source, ms; null when it cannot be measured. Never throws. */
  async probe(path: string, { deadlineMs }: { deadlineMs: number }): Promise<number | null> {
    const located = this.#roots.find(path);
    if (!located) return null;
    const probe: Question<number | null> = (reader, ground) => reader.probe(ground, located.path);
    const asked = await this.#ask(located.root, probe, { deadlineMs }).catch(() => null);
    return asked?.answer ?? null;
  }

  /** The SHA-256 published for this source, null when there is none. @throws CacheError `SOURCE_AWAY`, `SOURCE_IO` */
  async published(path: string, options: WaitLimit): Promise<Published | null> {
    const located = this.#roots.find(path);
    if (!located) return null;
    const published: Question<Published | null> = (reader, ground) => reader.published(ground, located.path);
    return (await this.#ask(located.root, published, options)).answer;
  }

  /**
   * The read speed of a source; null for one too small to measure.
   * @throws CacheError `SOURCE_AWAY`, `SOURCE_IO`
   */
  async measure(path: string, { deadlineMs }: { deadlineMs: number }): Promise<ReadSpeeds | null> {
    const located = this.#roots.find(path);
    if (!located) return null;
    const measure: Question<ReadSpeeds | null> = (reader, ground) => reader.measure(ground, located.path);
    return (await this.#ask(located.root, measure, { deadlineMs })).answer;
  }

  /** Does not wait for the readers: a hung one ends when its mount answers. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#readers.close();
  }

  async #ask<T>(root: Root, question: Question<T>, options: AskOptions): Promise<Asked<T>> {
    const volumes = this.#knownVolumes();
    const ask = async (place: ReaderPlace, ground: Ground) => {
      const channel = this.#readers.for(place);
      return { channel, ground, answer: await channel.ask((reader, id) => question(reader, ground, id), options) };
    };
    const { path, remote } = root;
    const first = await ask(root, { root: path, remote, stableInodes: this.#roots.hasStableInodes(root), volumes });
    if (!isElsewhere(first.answer)) return { ...first, answer: first.answer };
    // Another volume begins here: the reader that may touch it is asked.
    const at = first.answer.elsewhere;
    const medium = await detectMedium(at);
    if (at === root.path) this.#roots.learn(root, medium);
    else this.#roots.learnPart(at, medium);
    const there = { root: at, stableInodes: hasStableInodes(medium.fileSystem), volumes };
    const second = await ask({ ...medium, path: at }, there);
    if (!isElsewhere(second.answer)) return { ...second, answer: second.answer };
    throw new CacheError('SOURCE_AWAY', `${at} is on a volume that changes`);
  }

  /** The volumes as last known: no deadline waits for more. */
  #knownVolumes(): KnownVolume[] {
    void knownNow().then((volumes) => {
      this.#volumes = knownVolumes(volumes);
    });
    return this.#volumes;
  }

  #stateOf(answer: StatAnswer, rootPath: string): SourceState {
    if (answer.is === 'file') {
      const { size, mtimeNs, ctimeNs, ino } = answer;
      const changed = ctimeNs === undefined ? {} : { ctimeNs: String(ctimeNs) };
      const fingerprint = { size, mtimeNs: String(mtimeNs), ...changed, ino: ino === null ? null : String(ino) };
      return { state: 'present', fingerprint };
    }
    if (answer.is === 'other') return { state: 'missing' };
    const why = answer.root ? this.#identities.outage(rootPath, answer.root) : 'its root or the target of a link is not there';
    return why === null ? { state: 'missing' } : { state: 'away', why };
  }

  #rootsBelow(root: Root): string[] {
    const roots = this.#roots;
    return roots.list().flatMap(({ path }) => (liesBelow(path, root.path, roots.rules) ? [roots.rules.key(path)] : []));
  }
}

/** A request to the reader that may touch a ground. */
type Question<T> = (reader: Calls<Reader>['call'], ground: Ground, id: number) => Promise<T | Elsewhere>;

interface Asked<T> {
  answer: T;
  /** The channel that answered, and its ground. */
  channel: SourceChannel;
  ground: Ground;
}

function filesOf({ rels, sizes, mtimesNs, ctimesNs, inos }: FileBatch, directory: string, sep: string): ListedFile[] {
  const prefix = directory.endsWith(sep) ? directory : directory + sep;
  return rels.map((rel, index) => ({
    path: prefix + rel,
    fingerprint: {
      size: sizes[index] ?? 0,
      mtimeNs: String(mtimesNs[index]),
      ...(ctimesNs && { ctimeNs: String(ctimesNs[index]) }),
      ino: inos ? String(inos[index]) : null,
    },
  }));
}
