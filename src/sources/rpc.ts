import { CacheError } from '../core/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ReaderEvent, ReaderReply, ReaderRequest } from './messages.ts';
import type { OpenPort, SourcePort } from './transport.ts';

export interface ChannelOptions {
  open: OpenPort;
  clock: Clock;
  /** How long a reader must be silent about a question that is overdue before others are turned away at once, ms. */
  stallMs: number;
  /** How long a reader may be silent about a question before it counts as hung and is replaced, ms. */
  hangMs: number;
  /** Most hung readers that are waited for to die; with so many no new one is started. */
  mostHung: number;
  /** First and longest pause before a reader is started again, ms; doubles with every failure. */
  pauseMs: { first: number; longest: number };
}

type WithoutId<T> = T extends { id: number } ? Omit<T, 'id'> : never;
export type Question = WithoutId<Exclude<ReaderRequest, { op: 'more' | 'cancel' }>>;

export interface AskOptions {
  /** The answer is given up when nothing was heard for so long, ms. */
  deadlineMs: number;
  /** Hears what the reader says besides the answer: before it (a walk) or after it (a watch), until `signal` ends it. */
  onEvent?: ((event: ReaderEvent) => void) | undefined;
  signal?: AbortSignal | undefined;
}

interface Pending {
  deadlineMs: number;
  heardAt: number;
  timer: NodeJS.Timeout;
  /** Null once the asker was told that no answer came. */
  settle: ((answer: ReaderReply | CacheError) => void) | null;
}

/**
 * Questions to one reader. Two clocks run: the asker's deadline, after which the asker is told that the source is away while
 * the reader goes on (a NAS that spins up answers late, and killing its reader would not make it faster), and `hangMs`, after
 * which the reader is given up: killed, not waited for, replaced at the next question after a pause. While a reader has been
 * silent for `stallMs`, or a pause runs, or too many hung readers still exist, further questions are answered `SOURCE_AWAY` at
 * once.
 */
export class SourceChannel {
  #options: ChannelOptions;
  #port: SourcePort | null = null;
  #pending = new Map<number, Pending>();
  #listeners = new Map<number, (event: ReaderEvent) => void>();
  #hung = new Set<SourcePort>();
  #lastId = 0;
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  /** When the oldest question was asked, or heard of, that is overdue; null while none is. */
  #silentSince: number | null = null;
  #hangTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** SourcePool that were killed and have not ended yet. */
  get hung(): number {
    return this.#hung.size;
  }

  /** @throws CacheError `SOURCE_AWAY` when no answer comes in time; `SOURCE_IO` with what the file system said */
  async ask(question: Question, { deadlineMs, onEvent, signal }: AskOptions): Promise<ReaderReply> {
    const refusal = this.#refusal();
    if (refusal) throw away(refusal);
    if (signal?.aborted) throw cancelled();
    const id = ++this.#lastId;
    const cancel = () => this.#cancel(id);
    signal?.addEventListener('abort', cancel, { once: true });
    this.#port ??= this.#open();
    if (onEvent) this.#listeners.set(id, onEvent);
    const answer = new Promise<ReaderReply | CacheError>((settle) => {
      const timer = setTimeout(() => this.#expire(id), deadlineMs);
      this.#pending.set(id, { deadlineMs, heardAt: this.#options.clock.monotonic(), timer, settle });
    });
    this.#port.send({ ...question, id } as ReaderRequest);
    const reply = await answer;
    // A watch goes on after its answer; everything else is over.
    if (reply instanceof CacheError || reply.op !== 'watching') {
      this.#listeners.delete(id);
      signal?.removeEventListener('abort', cancel);
    }
    if (reply instanceof CacheError) throw reply;
    return reply;
  }

  /** The event was dealt with: the next one may come. */
  acknowledge({ id }: ReaderEvent): void {
    this.#port?.send({ op: 'more', id });
  }

  /** Whether the reader that a watch was asked of still stands behind it. */
  listens(onEvent: (event: ReaderEvent) => void): boolean {
    return [...this.#listeners.values()].includes(onEvent);
  }

  close(): void {
    this.#closed = true;
    this.#drop('the daemon is stopping');
  }

  #refusal(): string | null {
    if (this.#closed) return 'the daemon is stopping';
    const { stallMs, clock } = this.#options;
    const stalled = this.#silentSince !== null && clock.monotonic() - this.#silentSince >= stallMs;
    if (stalled) return 'an earlier question is still unanswered';
    if (this.#hung.size >= this.#options.mostHung) return `${this.#hung.size} readers hang in it`;
    if (this.#port === null && clock.monotonic() < this.#notBefore) return 'it did not answer a moment ago';
    return null;
  }

  #open(): SourcePort {
    const port = this.#options.open({
      onReply: (reply) => this.#hear(reply),
      onExit: (why) => this.#exited(port, why),
    });
    return port;
  }

  #hear(reply: ReaderReply | ReaderEvent): void {
    this.#silentSince = null;
    this.#failures = 0;
    const pending = this.#pending.get(reply.id);
    if (pending) pending.heardAt = this.#options.clock.monotonic();
    if (reply.op === 'files' || reply.op === 'changed' || reply.op === 'alive') {
      if (pending?.settle) pending.timer.refresh();
      const listener = this.#listeners.get(reply.id);
      if (listener) listener(reply);
      else this.#port?.send({ op: 'cancel', id: reply.id });
      return;
    }
    this.#forget(reply.id);
    pending?.settle?.(reply.op === 'failed' ? new CacheError(reply.code, reply.message) : reply);
  }

  #expire(id: number): void {
    const pending = this.#pending.get(id);
    if (!pending?.settle) return;
    this.#silentSince ??= pending.heardAt;
    this.#listeners.delete(id);
    pending.settle(away(`no answer within ${pending.deadlineMs} ms`));
    pending.settle = null;
    this.#hangTimer ??= setTimeout(() => this.#checkHung(), this.#options.hangMs).unref();
  }

  #checkHung(): void {
    this.#hangTimer = undefined;
    const overdue = [...this.#pending.values()].filter((pending) => pending.settle === null);
    if (overdue.length === 0) return;
    const silentMs = this.#options.clock.monotonic() - Math.min(...overdue.map((pending) => pending.heardAt));
    if (silentMs < this.#options.hangMs) {
      this.#hangTimer = setTimeout(() => this.#checkHung(), this.#options.hangMs - silentMs).unref();
      return;
    }
    if (this.#port) this.#hung.add(this.#port);
    this.#drop('it hangs');
    this.#pause();
  }

  #exited(port: SourcePort, why: string): void {
    this.#hung.delete(port);
    if (port !== this.#port) return;
    this.#port = null;
    this.#settleAll(why);
    this.#pause();
  }

  /** Gives the reader up: kills it without waiting. In a hung mount it ends when the mount answers. */
  #drop(why: string): void {
    const port = this.#port;
    this.#port = null;
    port?.kill();
    clearTimeout(this.#hangTimer);
    this.#hangTimer = undefined;
    this.#settleAll(why);
  }

  #pause(): void {
    const { first, longest } = this.#options.pauseMs;
    this.#notBefore = this.#options.clock.monotonic() + Math.min(longest, first * 2 ** this.#failures++);
  }

  #settleAll(why: string): void {
    this.#silentSince = null;
    this.#listeners.clear();
    for (const [id, pending] of this.#pending) {
      this.#forget(id);
      pending.settle?.(away(why));
    }
  }

  #cancel(id: number): void {
    this.#listeners.delete(id);
    this.#port?.send({ op: 'cancel', id });
    const pending = this.#pending.get(id);
    // An overdue question stays: that it is not answered is how a hung reader is known.
    if (!pending?.settle) return;
    this.#forget(id);
    pending.settle(cancelled());
  }

  #forget(id: number): void {
    clearTimeout(this.#pending.get(id)?.timer);
    this.#pending.delete(id);
  }
}

function away(why: string): CacheError {
  return new CacheError('SOURCE_AWAY', why);
}

function cancelled(): CacheError {
  return new CacheError('CANCELLED', 'reading the source was cancelled');
}
