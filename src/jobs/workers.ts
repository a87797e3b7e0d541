import { CacheError } from '../core/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Peer, siblingModule, startPeer } from '../runtime/peer.ts';
import type { CopyOrder, CopyReport, FromWorker, LinkReport, ToWorker } from '../transfer/messages.ts';

/** A network source that gives no byte for so long is taken for hung, ms. */
const stallMs = 60_000;
/** Threads of a process that reads a network source: sixteen reads under way, and what is written meanwhile. */
const readerThreads = 20;

const stopping = 'the daemon is stopping';

interface Running extends Omit<RunOptions, 'networkRoot' | 'paced' | 'urgent'> {
  worker: Worker;
  stall: NodeJS.Timeout | undefined;
  resolve(report: CopyReport | LinkReport | null): void;
  reject(error: CacheError): void;
}

interface Worker {
  peer: Peer<ToWorker, FromWorker>;
  /** The network root it serves, null for a thread that serves local disks. */
  networkRoot: string | null;
  orders: Set<number>;
  /** It has copied what nobody waited for, and may not be able to take its low priority back. */
  low: boolean;
}

export interface RunOptions {
  /** The order's root when it is on a network: such sources are read by a process of their own. */
  networkRoot: string | null;
  /** Whether it asks before each step. */
  paced: boolean;
  /** Whether somebody waits for it. */
  urgent: boolean;
  progress(bytesDone: number): void;
  resuming(from: number): void;
  /** Resolves when the next step may be taken. */
  ask(bytes: number): Promise<void>;
}

/** The threads and processes that copy. They are started when first needed and replaced when they end. */
export class CopyWorkers implements AsyncDisposable {
  readonly #module: URL;
  readonly #clock: Clock;
  readonly #environment: NodeJS.ProcessEnv | undefined;
  #workers = new Set<Worker>();
  #running = new Map<number, Running>();
  #stopped = false;

  /** @param environment of the processes that read network sources; undefined = this process's own */
  constructor(
    clock: Clock,
    environment?: NodeJS.ProcessEnv,
    module: URL = siblingModule('../transfer/worker', import.meta.url),
  ) {
    this.#clock = clock;
    this.#module = module;
    // Node reads files on four threads unless it is told otherwise before it starts; many reads are to be under way at once.
    this.#environment = environment && { ...environment, UV_THREADPOOL_SIZE: String(readerThreads) };
  }

  /** Copies as ordered. @throws CacheError as `runCopyJob`, or SOURCE_AWAY when the source hangs. */
  run(order: CopyOrder, options: RunOptions): Promise<CopyReport> {
    return this.#start('copy', order, options) as Promise<CopyReport>;
  }

  /** Makes the copy a hard link of the first of its twins that has the same bytes; null when none has. @throws as `run` */
  link(order: CopyOrder, options: RunOptions): Promise<LinkReport | null> {
    return this.#start('link', order, options) as Promise<LinkReport | null>;
  }

  #start(type: 'copy' | 'link', order: CopyOrder, options: RunOptions): Promise<CopyReport | LinkReport | null> {
    // A worker that is started now would keep the process from ending.
    if (this.#stopped) return Promise.reject(new CacheError('CANCELLED', stopping));
    const worker = this.#workerFor(options);
    worker.orders.add(order.id);
    return new Promise((resolve, reject) => {
      this.#running.set(order.id, { ...options, worker, stall: undefined, resolve, reject });
      this.#watchStall(order.id);
      worker.peer.send({ type, order, paced: options.paced, urgent: options.urgent });
    });
  }

  /** Asks for the end of a copy; its promise is then rejected with CANCELLED. */
  cancel(id: number): void {
    this.#running.get(id)?.worker.peer.send({ type: 'cancel', id });
  }

  /** Says to a running copy that somebody waits for it. */
  hurry(id: number): void {
    this.#running.get(id)?.worker.peer.send({ type: 'hurry', id });
  }

  /** Says to a running copy whether to ask before each step. */
  pace(id: number, paced: boolean): void {
    this.#running.get(id)?.worker.peer.send({ type: 'pace', id, paced });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const worker of this.#workers) this.#drop(worker, stopping, 'CANCELLED');
  }

  #workerFor({ networkRoot, urgent }: RunOptions): Worker {
    for (const worker of this.#workers) {
      if (worker.networkRoot !== networkRoot || (networkRoot === null && worker.orders.size > 0)) continue;
      if (networkRoot !== null || !urgent || !worker.low) {
        worker.low ||= !urgent;
        return worker;
      }
      // Idle: the new one takes its place.
      this.#drop(worker, stopping, 'CANCELLED');
    }
    const peer = startPeer<ToWorker, FromWorker>(this.#module, networkRoot === null ? 'thread' : 'process', this.#environment);
    const worker: Worker = { peer, networkRoot, orders: new Set(), low: !urgent };
    peer.onMessage((message) => this.#heard(message));
    peer.onExit(() => this.#drop(worker, 'the copy worker ended unexpectedly', 'CACHE_IO'));
    this.#workers.add(worker);
    return worker;
  }

  #heard(message: FromWorker): void {
    const running = this.#running.get(message.id);
    if (!running) return;
    if (message.type === 'progress') {
      running.progress(message.bytesDone);
      this.#watchStall(message.id);
      return;
    }
    if (message.type === 'resuming') {
      running.resuming(message.from);
      return;
    }
    if (message.type === 'ask') {
      void this.#giveTurn(message.id, message.bytes, running);
      return;
    }
    this.#forget(message.id, running);
    if (message.type === 'copied' || message.type === 'linked') running.resolve(message.report);
    else running.reject(new CacheError(message.code, message.message));
  }

  async #giveTurn(id: number, bytes: number, running: Running): Promise<void> {
    // Who stands still on our word is not hung.
    clearTimeout(running.stall);
    await running.ask(bytes);
    if (this.#running.get(id) !== running) return;
    this.#watchStall(id);
    running.worker.peer.send({ type: 'go', id });
  }

  #watchStall(id: number): void {
    const running = this.#running.get(id);
    if (!running || running.worker.networkRoot === null) return;
    clearTimeout(running.stall);
    const since = this.#clock.monotonic();
    running.stall = setTimeout(() => {
      const seconds = Math.round((this.#clock.monotonic() - since) / 1000);
      this.#drop(running.worker, `the source has not answered for ${seconds} s`, 'SOURCE_AWAY');
    }, stallMs).unref();
  }

  #drop(worker: Worker, why: string, code: 'CACHE_IO' | 'SOURCE_AWAY' | 'CANCELLED'): void {
    if (!this.#workers.delete(worker)) return;
    worker.peer.kill();
    for (const id of worker.orders) {
      const running = this.#running.get(id);
      if (!running) continue;
      this.#forget(id, running);
      running.reject(new CacheError(code, why));
    }
  }

  #forget(id: number, running: Running): void {
    clearTimeout(running.stall);
    running.worker.orders.delete(id);
    this.#running.delete(id);
  }
}
