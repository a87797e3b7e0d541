import { CacheError } from '../core/errors.ts';
import type { Spent } from '../core/remote.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Peer, PeerOptions } from '../runtime/peer.ts';
import type { FileBatch } from './driver.ts';
import { isElsewhere, type Reader, type ReaderListener } from './messages.ts';
import { ReaderHealth } from './reader-health.ts';

/** Starts a reader. `onExit` receives the reason for its end, for messages. */
export type OpenReader = (options: Pick<PeerOptions<ReaderListener>, 'functions' | 'onExit' | 'onHeard'>) => Peer<Reader>;

export interface ChannelOptions {
  open: OpenReader;
  clock: Clock;
  /** Silence of a reader with an overdue request after which other requests are refused at once, ms. */
  stallMs: number;
  /** Silence after which a reader with a request counts as hung and is replaced, ms. */
  hangMs: number;
  /** Maximum number of hung readers that have not ended yet; with so many, no new one is started. */
  mostHung: number;
  /** First and longest pause before a reader is started again, ms; doubles with every failure. */
  pauseMs: { first: number; longest: number };
  /** Told of requests and bytes of remotes. */
  onSpent?: ((spent: Spent[]) => void) | undefined;
}

/** Asks a reader; the calls of `ReaderListener` come with this `id`. */
export type Question<T> = (reader: Peer<Reader>['call'], id: number) => Promise<T>;

/** Receives files before the answer (a listing) and changes after it (a watch), until the signal ends it. */
export interface QuestionListener {
  onFiles?(batch: FileBatch): void;
  onChanged?(directories: string[], trouble: string | null): void;
}

export interface AskOptions {
  /** Silence after which the answer is given up, ms. */
  deadlineMs: number;
  /** Whether to wait the full time even while an earlier request is unanswered: a disk that spins up is not away. */
  patient?: boolean;
  listener?: QuestionListener | undefined;
  signal?: AbortSignal | undefined;
}

interface Pending {
  deadlineMs: number;
  heardAt: number;
  timer: NodeJS.Timeout;
  /** Null after the caller got a timeout. */
  giveUp: ((error: CacheError) => void) | null;
}

/**
 * Requests to one reader, with two clocks. At the caller's deadline the caller gets a timeout while the reader continues (a NAS that
 * spins up answers late, and killing its reader would not make it faster). A reader that was completely silent for `hangMs` is given
 * up: killed without waiting, and replaced at the next request after a pause. A request that waits behind answered ones does not count
 * as silence. While a reader has been silent for `stallMs`, a pause runs, or too many hung readers exist, further requests are refused
 * at once.
 */
export class SourceChannel {
  #options: ChannelOptions;
  #reader: Peer<Reader> | null = null;
  #pending = new Map<number, Pending>();
  #listeners = new Map<number, QuestionListener>();
  #hung = new Set<Peer<Reader>>();
  #lastId = 0;
  /** Time of the reader's start, or of its last sign of life. */
  #heardAt = 0;
  #health: ReaderHealth;
  #hangTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#health = new ReaderHealth(options);
  }

  /** Killed readers that have not ended yet. */
  get hung(): number {
    return this.#hung.size;
  }

  /** @throws CacheError `Silence` when no answer comes in time, `SOURCE_AWAY`, `CANCELLED`, and the reader's errors */
  async ask<T>(question: Question<T>, { deadlineMs, patient = false, listener, signal }: AskOptions): Promise<T> {
    const refusal = this.#refusal(patient);
    if (refusal) throw refusal;
    if (signal?.aborted) throw cancelled();
    const id = ++this.#lastId;
    const cancel = () => this.#cancel(id);
    signal?.addEventListener('abort', cancel, { once: true });
    this.#reader ??= this.#open();
    if (listener) this.#listeners.set(id, listener);
    const givenUp = new Promise<never>((_, giveUp) => {
      const timer = setTimeout(() => this.#expire(id), deadlineMs);
      this.#pending.set(id, { deadlineMs, heardAt: this.#options.clock.monotonic(), timer, giveUp });
    });
    const answer = question(this.#reader.call, id).finally(() => this.#forget(id));
    let goesOn = false;
    try {
      const given = await Promise.race([answer, givenUp]);
      // A watch continues after its answer; every other question is over.
      goesOn = listener?.onChanged !== undefined && !isElsewhere(given);
      return given;
    } finally {
      if (!goesOn) {
        this.#listeners.delete(id);
        signal?.removeEventListener('abort', cancel);
      }
    }
  }

  /** Whether the reader of a watch still serves it. */
  listens(listener: QuestionListener): boolean {
    return [...this.#listeners.values()].includes(listener);
  }

  close(): void {
    this.#closed = true;
    this.#drop('the daemon is stopping');
  }

  #refusal(patient: boolean): CacheError | null {
    if (this.#closed) return away('the daemon is stopping');
    if (this.#hung.size >= this.#options.mostHung) return away(`${this.#hung.size} readers hang in it`);
    const now = this.#options.clock.monotonic();
    const why = this.#health.refusal(now, patient);
    return why === null ? null : this.#health.isSilent ? new Silence(why, { isBusy: false }) : away(why);
  }

  #open(): Peer<Reader> {
    this.#health.restarted();
    this.#heardAt = this.#options.clock.monotonic();
    const reader = this.#options.open({
      functions: {
        files: async (id, batch) => this.#hear(id, (listener) => listener.onFiles?.(batch)),
        changed: (id, directories, trouble) => this.#hear(id, (listener) => listener.onChanged?.(directories, trouble)),
        alive: (id) => this.#hear(id, () => {}),
        spent: (spent) => this.#options.onSpent?.(spent),
      },
      onHeard: () => {
        this.#heardAt = this.#options.clock.monotonic();
        this.#health.heard();
      },
      onExit: (why) => this.#exited(reader, why),
    });
    return reader;
  }

  /** Passes on a call about a request. Without a listener, the reader may stop. */
  #hear(id: number, tell: (listener: QuestionListener) => void): void {
    const pending = this.#pending.get(id);
    if (pending) pending.heardAt = this.#options.clock.monotonic();
    if (pending?.giveUp) pending.timer.refresh();
    const listener = this.#listeners.get(id);
    if (listener) tell(listener);
    else this.#reader?.tell.cancel(id);
  }

  #expire(id: number): void {
    const pending = this.#pending.get(id);
    if (!pending?.giveUp) return;
    this.#health.overdue(Math.max(pending.heardAt, this.#heardAt));
    this.#listeners.delete(id);
    pending.giveUp(new Silence(`no answer within ${pending.deadlineMs} ms`, { isBusy: this.#heardAt > pending.heardAt }));
    pending.giveUp = null;
    this.#hangTimer ??= setTimeout(() => this.#checkHung(), this.#options.hangMs).unref();
  }

  #checkHung(): void {
    this.#hangTimer = undefined;
    const overdue = [...this.#pending.values()].filter((pending) => pending.giveUp === null);
    if (overdue.length === 0) return;
    const askedAt = Math.min(...overdue.map((pending) => pending.heardAt));
    const silentMs = this.#options.clock.monotonic() - Math.max(askedAt, this.#heardAt);
    if (silentMs < this.#options.hangMs) {
      this.#hangTimer = setTimeout(() => this.#checkHung(), this.#options.hangMs - silentMs).unref();
      return;
    }
    if (this.#reader) this.#hung.add(this.#reader);
    this.#fail('it hangs');
  }

  #exited(reader: Peer<Reader>, why: string): void {
    this.#hung.delete(reader);
    if (reader !== this.#reader) return;
    this.#fail(why);
  }

  /** Gives the reader up: kills it without waiting. In a hung mount it ends when the mount answers. */
  #drop(why: string): void {
    const reader = this.#reader;
    this.#reader = null;
    clearTimeout(this.#hangTimer);
    this.#hangTimer = undefined;
    this.#listeners.clear();
    for (const id of [...this.#pending.keys()]) this.#forget(id);
    reader?.kill(away(why));
  }

  #fail(why: string): void {
    this.#drop(why);
    this.#health.failed(this.#options.clock.monotonic());
  }

  #cancel(id: number): void {
    this.#listeners.delete(id);
    this.#reader?.tell.cancel(id);
    const pending = this.#pending.get(id);
    // An overdue request stays: its missing answer identifies a hung reader.
    if (!pending?.giveUp) return;
    this.#forget(id);
    pending.giveUp(cancelled());
  }

  #forget(id: number): void {
    clearTimeout(this.#pending.get(id)?.timer);
    this.#pending.delete(id);
  }
}

/** No answer came in time: the source may be away, or only slow. */
export class Silence extends CacheError {
  /** Whether the reader gave signs of life meanwhile: it is overloaded, and the source is present. */
  readonly isBusy: boolean;

  constructor(why: string, { isBusy }: { isBusy: boolean }) {
    super('SOURCE_AWAY', why);
    this.isBusy = isBusy;
  }
}

function away(why: string): CacheError {
  return new CacheError('SOURCE_AWAY', why);
}

function cancelled(): CacheError {
  return new CacheError('CANCELLED', 'reading the source was cancelled');
}
