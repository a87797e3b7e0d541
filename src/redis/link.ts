import type { RedisServers } from '../core/redis-servers.ts';
import type { Log } from '../runtime/log.ts';
import { Breaker, type Pauses } from './breaker.ts';
import { connectRedis, type RedisCommands, type RedisConnection } from './connection.ts';
import { noAnswer, RedisTrouble, troubleOf } from './trouble.ts';

export interface LinkDeps {
  servers: RedisServers;
  log: Log;
  /** Its purpose, for the log. */
  purpose: string;
  /** Called when the server can be asked, for the first time or again. */
  onUp?(): void;
  pauses?: Pauses | undefined;
}

/** `connecting` until the first success or failure; `away` while the server is left alone. */
export interface LinkState {
  state: 'connecting' | 'up' | 'away';
  /** Null unless it is away. */
  why: string | null;
}

const usualPauses: Pauses = { first: 5000, most: 60_000 };
/** Deadline of the first answer of a new connection, ms. */
const provenMs = 2000;

/**
 * A connection to Redis that reconnects by itself, with a deadline for every request. A server that is away or silent is not asked:
 * checks whether it is back run in the background.
 */
export class RedisLink implements AsyncDisposable {
  readonly #deps: LinkDeps;
  readonly #breaker: Breaker;
  #connection: RedisConnection | null = null;
  #connecting: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #answeredAt = 0;
  #ended = false;

  constructor(deps: LinkDeps) {
    this.#deps = deps;
    this.#breaker = new Breaker(deps.pauses ?? usualPauses);
    this.#connecting = this.#connect();
  }

  get state(): LinkState {
    const { why } = this.#breaker;
    if (why !== null) return { state: 'away', why };
    return { state: this.#connection ? 'up' : 'connecting', why: null };
  }

  /** Resolves when the attempt to connect that is under way has succeeded or failed. Never rejects. */
  get tried(): Promise<void> {
    return this.#connecting;
  }

  /**
   * Asks, within a deadline.
   * @throws RedisTrouble when the server refuses or is late, and at once while it is left alone
   */
  async ask<T>(question: (redis: RedisCommands) => Promise<T>, deadlineMs: number): Promise<T> {
    const connection = this.#connection;
    if (!connection) throw new RedisTrouble(this.#breaker.why ?? 'no connection yet');
    const began = performance.now();
    try {
      const answer = await answerOf(question(connection.commands), deadlineMs);
      this.#answered();
      return answer;
    } catch (error) {
      const trouble = troubleOf(error);
      if (connection === this.#connection) this.#failed(trouble, began);
      throw trouble;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#drop();
    await this.#connecting;
  }

  #answered(): void {
    this.#answeredAt = performance.now();
    this.#breaker.answered();
  }

  #failed(trouble: RedisTrouble, began: number): void {
    if (trouble.isRefusal) this.#answered();
    const isLate = trouble.message === noAnswer;
    // A server that has answered other requests meanwhile is slow, not silent.
    if (trouble.isRefusal || (isLate && this.#answeredAt >= began)) return;
    // One server of a cluster is not all of it.
    const isLost = !isLate && this.#deps.servers.kind === 'single';
    if (this.#breaker.failed() || isLost) this.#open(trouble.message);
  }

  async #connect(): Promise<void> {
    let connection: RedisConnection | undefined;
    const onLost = (error: unknown) => {
      if (connection !== undefined && connection === this.#connection) this.#open(troubleOf(error).message);
    };
    try {
      connection = await connectRedis(this.#deps.servers, onLost);
      // A server that accepts connections and does not answer is away.
      await answerOf(connection.commands.get('autocached:probe'), provenMs).catch(unlessForbidden);
      if (this.#ended) connection.close();
      else this.#up(connection);
    } catch (error) {
      connection?.close();
      if (!this.#ended) this.#open(troubleOf(error).message);
    }
  }

  #up(connection: RedisConnection): void {
    const { log, purpose, onUp } = this.#deps;
    if (this.#breaker.why !== null) log.info(`the Redis for ${purpose} answers again`);
    this.#connection = connection;
    this.#breaker.close(performance.now());
    onUp?.();
  }

  #open(why: string): void {
    const { log, purpose } = this.#deps;
    if (this.#breaker.why === null) log.warn({ why }, `the Redis for ${purpose} is left out until it answers`);
    this.#drop();
    const pauseMs = this.#breaker.open(why, performance.now());
    this.#timer = setTimeout(() => {
      this.#connecting = this.#connect();
    }, pauseMs).unref();
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.close();
  }
}

/** A user whom an ACL keeps to other keys is answered, which is all that a probe asks. @throws any other trouble */
function unlessForbidden(error: unknown): void {
  if (!(error instanceof RedisTrouble && error.isForbidden)) throw error;
}

/** @throws RedisTrouble when the answer is late; it is then ignored */
async function answerOf<T>(question: Promise<T>, deadlineMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  // An answer that has come while this process was busy is not late: it is read before the second step.
  const timer = setTimeout(() => setImmediate(() => late.reject(new RedisTrouble(noAnswer))), deadlineMs);
  try {
    return await Promise.race([question, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
