import { CacheError, messageOf } from '../core/errors.ts';
import type { Fingerprint, SourceState } from '../core/types.ts';
import { hasStableInodes } from '../media/file-systems.ts';
import type { KnownVolume } from '../media/machine.ts';
import { detectMedium, knownVolumes } from '../media/medium.ts';
import { liesBelow } from '../media/paths.ts';
import { readVolumes } from '../media/read-volumes.ts';
import type { FileBatch, Listing, Published, ReadSpeeds, RootFacts, RootIdentity, StatAnswer } from './driver.ts';
import type { Ground, ReaderEvent, ReaderReply } from './messages.ts';
import { SourcePool, type SourcePoolOptions } from './pool.ts';
import type { Root, RootIndex } from './root.ts';
import type { Question, SourceChannel } from './rpc.ts';

export interface SourceClientOptions extends SourcePoolOptions {
  roots: RootIndex;
}

export interface ListedFile {
  path: string;
  fingerprint: Fingerprint;
}

/**
 * What a root looks like. `away`: does not answer, is empty or absent (no `facts`), or another file system stands in its place
 * (`facts` of that one).
 */
export type RootState = { state: 'ok'; facts: RootFacts } | { state: 'away'; why: string; facts: RootFacts | null };

/** How long an asker waits. */
export interface Patience {
  deadlineMs: number;
  signal?: AbortSignal;
}

export interface WalkRequest {
  /** Default: the root itself. */
  directory?: string;
  recursive?: boolean;
  onFiles(files: ListedFile[]): void;
  signal?: AbortSignal | undefined;
}

export interface WatchRequest {
  settleMs: number;
  onChanged(directories: string[]): void;
  /** Not everything is watched: the system's limits, or the root is gone. */
  onTrouble(why: string): void;
  signal: AbortSignal;
}

/** Longest silence during a walk, ms: one listing of a large directory on a NAS that wakes up. */
const walkSilenceMs = 60_000;
const watchDeadlineMs = 30_000;

/**
 * Everything that touches sources goes through here, and none of it happens in the daemon's own threads of work: local roots
 * share one worker thread, each network device (server share, FUSE mount) has a child process of its own. No question waits
 * longer than its deadline.
 */
export class SourceClient implements AsyncDisposable {
  #roots: RootIndex;
  #readers: SourcePool;
  #identities = new Map<string, RootIdentity>();
  #volumes: KnownVolume[] = [];

  constructor({ roots, ...options }: SourceClientOptions) {
    this.#roots = roots;
    this.#readers = new SourcePool(options);
  }

  /** What is known of one source right now; never throws. `missing` only when its root answers and is the one it was. */
  async stat(path: string, options: Patience): Promise<SourceState> {
    const located = this.#roots.find(path);
    if (!located) return { state: 'away', why: 'it lies below no known root' };
    const question = (ground: Ground): Question => ({ op: 'stat', ground, path: located.path });
    try {
      const { reply, ground } = await this.#askRoot(located.root, question, options);
      if (reply.op !== 'stat') return { state: 'away', why: 'its volume changes' };
      return this.#stateOf(reply.answer, ground.root);
    } catch (error) {
      return { state: 'away', why: messageOf(error) };
    }
  }

  /** Whether a root is there; never throws. */
  async identify(root: Root, options: Patience): Promise<RootState> {
    try {
      const { reply } = await this.#askRoot(root, (ground) => ({ op: 'identify', ground }), options);
      if (reply.op !== 'identify') return { state: 'away', why: 'its volume changes', facts: null };
      const { facts } = reply;
      const why = this.#outage(facts, root.path);
      return why === null ? { state: 'ok', facts } : { state: 'away', why, facts: facts.empty ? null : facts };
    } catch (error) {
      return { state: 'away', why: messageOf(error), facts: null };
    }
  }

  /** The identity that a root must have for its files to be called missing; null before it was first seen. */
  identityOf(root: Root): RootIdentity | null {
    return this.#identities.get(root.path) ?? null;
  }

  /** Takes an identity for the root's own: one of an earlier run, or that of the volume which turned out to be the same. */
  trust(root: Root, identity: RootIdentity): void {
    this.#identities.set(root.path, identity);
  }

  /**
   * Walks a root, or one directory of it, without the roots that lie below.
   * @throws CacheError `SOURCE_AWAY`, `SOURCE_IO`, `CANCELLED`
   */
  async walk(root: Root, { directory = root.path, recursive = true, onFiles, signal }: WalkRequest): Promise<Listing> {
    const skip = this.#rootsBelow(root);
    const stop = new AbortController();
    let failure: { error: unknown } | null = null;
    const onEvent = (event: ReaderEvent, channel: SourceChannel) => {
      if (event.op !== 'files' || failure) return;
      try {
        onFiles(filesOf(event.batch, directory, this.#roots.rules.sep));
        channel.acknowledge(event);
      } catch (error) {
        failure = { error };
        stop.abort();
      }
    };
    const question = (ground: Ground): Question => ({ op: 'walk', ground, directory, recursive, skip });
    const ended = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    try {
      const { reply } = await this.#askRoot(root, question, { deadlineMs: walkSilenceMs, onEvent, signal: ended });
      if (reply.op === 'walked') return reply.result;
    } catch (error) {
      throw (failure as { error: unknown } | null)?.error ?? error;
    }
    throw new CacheError('SOURCE_AWAY', `${directory} is on a volume that changes`);
  }

  /**
   * Watches a local root until the signal ends it. The returned function says whether the watch still stands.
   * @throws CacheError `SOURCE_AWAY`, `SOURCE_IO`
   */
  async watch(root: Root, { settleMs, onChanged, onTrouble, signal }: WatchRequest): Promise<() => boolean> {
    const onEvent = (event: ReaderEvent) => {
      if (event.op !== 'changed') return;
      if (event.trouble !== null) onTrouble(event.trouble);
      if (event.directories.length > 0) onChanged(event.directories);
    };
    const skip = this.#rootsBelow(root);
    const question = (ground: Ground): Question => ({ op: 'watch', ground, skip, settleMs });
    const { reply, listens } = await this.#askRoot(root, question, { deadlineMs: watchDeadlineMs, onEvent, signal });
    if (reply.op === 'watching') return listens;
    throw new CacheError('SOURCE_AWAY', `${root.path} is on a volume that changes`);
  }

  /** A small text file anywhere (ComfyUI's yaml may lie on a NAS); null when there is none. @throws CacheError */
  async readText(path: string, options: Patience): Promise<string | null> {
    const channel = this.#readers.for({ ...(await detectMedium(path)), path });
    const reply = await channel.ask({ op: 'read', path }, options);
    return reply.op === 'text' ? reply.text : null;
  }

  /** How long the source takes for one small read, ms; null where that cannot be told. Never throws. */
  async probe(path: string, { deadlineMs }: { deadlineMs: number }): Promise<number | null> {
    const located = this.#roots.find(path);
    if (!located) return null;
    const question = (ground: Ground): Question => ({ op: 'probe', ground, path: located.path });
    const answer = await this.#askRoot(located.root, question, { deadlineMs }).catch(() => null);
    return answer?.reply.op === 'probe' ? answer.reply.ms : null;
  }

  /** The SHA-256 that somebody has published for this source, null when nobody has. @throws CacheError `SOURCE_AWAY`, `SOURCE_IO` */
  async published(path: string, options: Patience): Promise<Published | null> {
    const located = this.#roots.find(path);
    if (!located) return null;
    const question = (ground: Ground): Question => ({ op: 'published', ground, path: located.path });
    const { reply } = await this.#askRoot(located.root, question, options);
    if (reply.op === 'published') return reply.published;
    throw new CacheError('SOURCE_AWAY', `${located.path} is on a volume that changes`);
  }

  /**
   * How fast a source is read; null for one that is too small to tell.
   * @throws CacheError `SOURCE_AWAY`, `SOURCE_IO`
   */
  async measure(path: string, { deadlineMs }: { deadlineMs: number }): Promise<ReadSpeeds | null> {
    const located = this.#roots.find(path);
    if (!located) return null;
    const question = (ground: Ground): Question => ({ op: 'measure', ground, path: located.path });
    const { reply } = await this.#askRoot(located.root, question, { deadlineMs });
    return reply.op === 'measure' ? reply.speeds : null;
  }

  /** Does not wait for the readers: one that hangs ends when its mount answers. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#readers.close();
  }

  async #askRoot(root: Root, question: (ground: Ground) => Question, options: RootAsk): Promise<RootAnswer> {
    const volumes = this.#knownVolumes();
    const first: Ground = { root: root.path, stableInodes: hasStableInodes(root.fileSystem), volumes };
    const answer = await this.#askChannel(this.#readers.for(root), first, question, options);
    if (answer.reply.op !== 'foreign') return answer;
    // From here on another volume: ask whoever may touch that one.
    const { at } = answer.reply;
    const medium = await detectMedium(at);
    if (at === root.path) this.#roots.learn(root, medium);
    const ground: Ground = { root: at, stableInodes: hasStableInodes(medium.fileSystem), volumes };
    return this.#askChannel(this.#readers.for({ ...medium, path: at }), ground, question, options);
  }

  async #askChannel(
    channel: SourceChannel,
    ground: Ground,
    question: (ground: Ground) => Question,
    { onEvent, ...options }: RootAsk,
  ): Promise<RootAnswer> {
    const listener = onEvent && ((event: ReaderEvent) => onEvent(event, channel));
    const reply = await channel.ask(question(ground), { ...options, onEvent: listener });
    return { reply, ground, listens: () => listener !== undefined && channel.listens(listener) };
  }

  /** Those last read: asking the system takes seconds on Windows, and no deadline waits for that. */
  #knownVolumes(): KnownVolume[] {
    void readVolumes().then((volumes) => {
      this.#volumes = knownVolumes(volumes);
    });
    return this.#volumes;
  }

  #stateOf(answer: StatAnswer, rootPath: string): SourceState {
    if (answer.is === 'file') {
      const { size, mtimeNs, ino } = answer;
      return { state: 'present', fingerprint: { size, mtimeNs: String(mtimeNs), ino: ino === null ? null : String(ino) } };
    }
    if (answer.is === 'other') return { state: 'missing' };
    const why = answer.root ? this.#outage(answer.root, rootPath) : 'its root, or what a link leads to, is not there';
    return why === null ? { state: 'missing' } : { state: 'away', why };
  }

  /** Why these facts are no sign of the root being there; null when they are. The first good sight of a root is remembered. */
  #outage({ empty, identity }: RootFacts, rootPath: string): string | null {
    if (empty) return 'it is empty, as a mount point is whose volume is away';
    const known = this.#identities.get(rootPath);
    if (known && !isSameVolume(known, identity)) return 'another file system stands in its place';
    this.#identities.set(rootPath, identity);
    return null;
  }

  #rootsBelow(root: Root): string[] {
    const roots = this.#roots;
    return roots.list().flatMap(({ path }) => (liesBelow(path, root.path, roots.rules) ? [roots.rules.key(path)] : []));
  }
}

interface RootAsk {
  deadlineMs: number;
  onEvent?: (event: ReaderEvent, channel: SourceChannel) => void;
  signal?: AbortSignal | undefined;
}

interface RootAnswer {
  reply: ReaderReply;
  ground: Ground;
  listens: () => boolean;
}

/** The device number tells while the mount lasts; type and size tell a volume that was mounted again. */
function isSameVolume(a: RootIdentity, b: RootIdentity): boolean {
  return a.device === b.device || (a.type === b.type && a.bytes === b.bytes && a.bytes > 0);
}

function filesOf({ rels, sizes, mtimesNs, inos }: FileBatch, directory: string, sep: string): ListedFile[] {
  const prefix = directory.endsWith(sep) ? directory : directory + sep;
  return rels.map((rel, index) => ({
    path: prefix + rel,
    fingerprint: { size: sizes[index] ?? 0, mtimeNs: String(mtimesNs[index]), ino: inos ? String(inos[index]) : null },
  }));
}
