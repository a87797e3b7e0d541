import { createHash } from 'node:crypto';
import { chunkSize } from '../codec/chunk-hash.ts';
import { CacheError, type ErrorCode, toCacheError } from '../core/errors.ts';
import { Periodic } from '../runtime/periodic.ts';
import { ChunkSet } from './chunk-set.ts';
import type { Claim, Run } from './directory.ts';
import type { Fetched, FetchParts, FetchTimes, Origin } from './fetch-parts.ts';
import { OriginReads } from './origin-reads.ts';
import type { RequestEnd } from './peer.ts';
import { placeOf } from './peer-wire.ts';
import { type Action, Swarm } from './swarm.ts';
import { SwarmTalk } from './swarm-talk.ts';

const usualTimes: FetchTimes = {
  hearing: 200,
  beat: 5000,
  lookAgain: 1000,
  lease: 3000,
  renewal: 1000,
  silence: 5000,
  hopeless: 10_000,
};

/** Pause before a silent host is asked again, ms, where doing without it would leave nobody: a busy one finds its bytes later. */
const askAgain = 1000;

/** Errors of the origin after which other hosts may still have the missing chunks. */
const originAway: readonly ErrorCode[] = ['SOURCE_AWAY', 'SOURCE_IO', 'SOURCE_MISSING'];

/**
 * Fetches a content: performs the planner's actions, with the directory, the other hosts and the origin.
 * @throws CacheError CONFLICT when the origin has other bytes than the farm says; CANCELLED; as the origin
 */
export function fetchContent(parts: FetchParts): Promise<Fetched> {
  return new ContentFetch(parts).run();
}

const now = () => performance.now();

class ContentFetch {
  readonly #parts: FetchParts;
  readonly #times: FetchTimes;
  readonly #swarm: Swarm;
  readonly #talk: SwarmTalk;
  /** Chunks that are on this host or about to be. */
  readonly #taken: Set<number>;
  /** The hashes that this host can vouch for. */
  readonly #proven: Map<number, string>;
  /** Why the origin is given up; null = it is not. */
  #originLost: CacheError | null;
  /** Number of silent reads of the origin: while there are some, no other is begun. */
  #silent = 0;
  #failure: unknown = null;
  #heardAt = now();
  #wake: () => void = () => {};
  readonly #end = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  readonly #fetched: Fetched = { originBytes: 0, peers: {} };

  constructor(parts: FetchParts) {
    const { content, hashes, origin, originSpeed, host, times } = parts;
    this.#parts = parts;
    this.#times = { ...usualTimes, ...times };
    this.#taken = new Set(hashes.keys());
    this.#proven = new Map(hashes);
    const has = new ChunkSet(content.chunks);
    for (const chunk of hashes.keys()) has.add(chunk);
    const originChunkTime = originSpeed === null ? undefined : (chunkSize / originSpeed) * 1000;
    this.#swarm = new Swarm(content.chunks, { now: now(), random: Math.random, has, host, originChunkTime });
    this.#talk = new SwarmTalk({
      ...{ ...parts, swarm: this.#swarm, proven: this.#proven, known: parts.known ?? [] },
      ...{ onAnswer: () => this.#wake(), signal: this.#end.signal },
    });
    this.#originLost = origin
      ? null
      : new CacheError('SOURCE_AWAY', 'the source is away, and no other host has the missing chunks');
  }

  async run(): Promise<Fetched> {
    const { signal } = this.#parts;
    const { hearing, beat, lookAgain } = this.#times;
    const wake = () => this.#wake();
    const onError = (error: unknown) => this.#failed(error);
    const talk = this.#talk;
    signal.addEventListener('abort', wake);
    const rounds = [
      new Periodic(() => talk.hear().then(wake), { everyMs: () => talk.pause(hearing), onError }),
      new Periodic(() => talk.meet().then(wake), { everyMs: () => (talk.isAway ? lookAgain : beat), onError }),
    ];
    try {
      await talk.meet();
      if (this.#originLost && (await talk.isAlone())) throw this.#originLost;
      for (const round of rounds) round.later();
      await this.#untilFull();
      return this.#fetched;
    } catch (error) {
      await talk.leave();
      throw error;
    } finally {
      signal.removeEventListener('abort', wake);
      this.#end.abort();
      await Promise.all([...this.#tasks, ...rounds.map((round) => round[Symbol.asyncDispose]())]);
    }
  }

  async #untilFull(): Promise<void> {
    while (!this.#swarm.has.isFull) {
      if (this.#parts.signal.aborted) throw new CacheError('CANCELLED', 'the copy was cancelled');
      if (this.#failure !== null) throw this.#failure;
      if (this.#originLost && now() - this.#heardAt > this.#times.hopeless) throw this.#originLost;
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      for (const action of this.#swarm.next(now())) this.#begin(action);
      const timer = setTimeout(this.#wake, Math.max(1, this.#swarm.wakeAt(now()) - now()));
      await woken;
      clearTimeout(timer);
    }
  }

  /** Performs an action beside the loop, and wakes the loop when it is done. */
  #begin(action: Action): void {
    const task = this.#perform(action)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#tasks.delete(task);
        this.#wake();
      });
    this.#tasks.add(task);
  }

  #failed(error: unknown): void {
    if (!this.#end.signal.aborted) this.#failure ??= error;
  }

  #perform(action: Action): Promise<void> {
    if (action.is === 'ask') return this.#ask(action);
    if (action.is === 'claim') return this.#claim(action.length);
    if (action.is === 'lost') return this.#talk.lost(action.chunks, action.without);
    return this.#readUnclaimed(action.run);
  }

  async #ask({ request, peer, run }: Action & { is: 'ask' }): Promise<void> {
    const { peers, content, size, turn, priority, note } = this.#parts;
    let how: RequestEnd = { is: 'gone' };
    try {
      await turn(bytesOf(run, size), 'peer');
      await this.#talk.learnHashes(run);
      const url = await this.#talk.urlOf(peer);
      if (url === undefined) return;
      how = await peers.chunks({
        url,
        content: content.id,
        size,
        run,
        priority: priority(),
        hashOf: (chunk) => this.#talk.said.get(chunk) ?? null,
        onChunk: (chunk, bytes, sha256) => this.#received({ request, peer, chunk }, bytes, sha256),
        onBytes: (bytes) => {
          this.#parts.onBytes?.();
          this.#heardAt = now();
          this.#swarm.heard(this.#heardAt, request, bytes / chunkSize);
        },
        signal: this.#end.signal,
      });
    } finally {
      this.#swarm.ended(
        request,
        this.#originLost && how.is === 'silent' ? { is: 'refused', until: now() + askAgain } : how,
        now(),
      );
      if (how.is !== 'served' && !this.#end.signal.aborted) note({ is: 'peer', host: peer, how: how.is });
    }
  }

  async #received(from: { request: number; peer: string; chunk: number }, bytes: Buffer, sha256: string): Promise<void> {
    const { request, peer, chunk } = from;
    this.#parts.note({ is: 'bytes', from: 'peer', bytes: bytes.length });
    if (await this.#keep(chunk, bytes, sha256)) {
      this.#fetched.peers[peer] = (this.#fetched.peers[peer] ?? 0) + bytes.length;
      // A hash stated by one host is not passed on as this host's own.
      if (this.#talk.said.get(chunk) === sha256) this.#proven.set(chunk, sha256);
      await this.#talk.tell((entry) => entry.got(chunk));
    }
    this.#swarm.received(request, chunk, now());
    this.#wake();
  }

  async #claim(length: number): Promise<void> {
    const { origin, turn, note, size } = this.#parts;
    if (!origin || this.#originLost || this.#silent > 0) {
      this.#swarm.claimed({ is: 'none' }, now());
      return;
    }
    await turn(bytesOf({ from: 0, to: length }, size), 'source');
    const answer = await this.#talk.ask((entry) => entry.claim(this.#swarm.lacks, length, this.#times.lease));
    if (answer === null) return;
    note({ is: 'claim', outcome: answer.is });
    this.#swarm.claimed(answer, now());
    this.#wake();
    if (answer.is === 'claimed') await this.#readRun(origin, answer.claim, answer.claim);
  }

  async #readUnclaimed(run: Run): Promise<void> {
    const { origin, turn, size } = this.#parts;
    if (!origin || this.#originLost || this.#silent > 0) {
      this.#swarm.originEnded(run, now());
      this.#swarm.claimed({ is: 'none' }, now());
      return;
    }
    await turn(bytesOf(run, size), 'source');
    await this.#readRun(origin, run, null);
  }

  /** Reads a run until it is over, fails, or the origin falls silent. */
  async #readRun(origin: Origin, run: Run, claim: Claim | null): Promise<void> {
    const { lease, renewal } = this.#times;
    const reads = new OriginReads(this.#times, (isSilent) => {
      this.#silent += isSilent ? 1 : -1;
    });
    const timer = setInterval(() => {
      if (reads.look() && claim) void this.#talk.tell((entry) => entry.renew(claim, lease));
    }, renewal);
    try {
      await Promise.race([this.#eachChunk(origin, run, claim, reads), reads.silent]);
    } catch (error) {
      const failed = toCacheError(error);
      if (!originAway.includes(failed.code)) throw error;
      this.#originLost ??= failed;
    } finally {
      clearInterval(timer);
      this.#swarm.originEnded(run, now());
      if (claim) await this.#talk.tell((entry) => entry.release(claim));
    }
  }

  async #eachChunk(origin: Origin, run: Run, claim: Claim | null, reads: OriginReads): Promise<void> {
    const { signal } = this.#end;
    const onBytes = () => {
      this.#parts.onBytes?.();
      reads.heard();
      this.#swarm.heard(now());
    };
    for await (const { chunk, bytes } of origin.read({ from: run.from, to: run.to }, { onBytes, signal })) {
      if (signal.aborted || this.#failure !== null || this.#parts.signal.aborted) return;
      await reads.without(() => this.#read(chunk, bytes, claim));
      // Nobody else knows of the claim then: the rest of it is read by the shares of all.
      if (claim && this.#talk.isAway) return;
    }
  }

  /** Keeps a chunk that came from the origin, and reports it. */
  async #read(chunk: number, bytes: Buffer, claim: Claim | null): Promise<void> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.#fetched.originBytes += bytes.length;
    this.#parts.note({ is: 'bytes', from: 'origin', bytes: bytes.length });
    const isNew = await this.#keep(chunk, bytes, sha256);
    this.#proven.set(chunk, sha256);
    const answer = claim && (await this.#talk.ask((entry) => entry.read(chunk, sha256, claim)));
    if (answer === 'differs') throw new CacheError('CONFLICT', 'this host and others have other bytes under one name');
    if (isNew && answer !== 'known') await this.#talk.tell((entry) => entry.got(chunk));
    this.#swarm.originRead(chunk, now());
    this.#wake();
  }

  /** @returns false when it is here already */
  async #keep(chunk: number, bytes: Buffer, sha256: string): Promise<boolean> {
    if (this.#end.signal.aborted || this.#taken.has(chunk)) return false;
    this.#taken.add(chunk);
    await this.#parts.keep(chunk, bytes, sha256);
    this.#heardAt = now();
    return true;
  }
}

function bytesOf({ from, to }: Run, size: number): number {
  return Math.max(0, placeOf(to - 1, size).end - placeOf(from, size).from);
}
