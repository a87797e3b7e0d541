import { CacheError } from '../core/errors.ts';
import type { Spent } from '../core/remote.ts';
import type { FarmNote } from '../farm/farm-order.ts';
import type { Clock } from '../runtime/clock.ts';
import { packageModule } from '../runtime/package.ts';
import { type Peer, startPeer } from '../runtime/peer.ts';
import type { CopyTerms, CopyWatcher, CopyWorker, JobOrder, ProbeOrder, ReportOf } from '../transfer/messages.ts';

/** A network source that delivers no byte for this time counts as hung, ms. */
const stallMs = 60_000;
/** Threads of a process that reads a network source: sixteen for reads under way, the rest for writes. */
const readerThreads = 20;
/**
 * Young generation of such a process, MiB. Pieces from a remote die at once; with less memory many are still in use at a collection,
 * survive it, and cost half as much time again.
 */
const readerYoungMb = 64;

/** Idle time after which a worker ends, ms: a thread takes 20 MiB, a process three times that. */
const idleMs = 60_000;

const stopping = 'the daemon is stopping';

interface Running extends Pick<RunOptions, 'progress' | 'resuming' | 'ask' | 'farm'> {
  worker: Worker;
  stall: NodeJS.Timeout | undefined;
}

interface Worker {
  peer: Peer<CopyWorker>;
  /** The network root it serves; null for a thread that serves local disks. */
  networkRoot: string | null;
  /** A thread takes several light orders at once. */
  light: boolean;
  orders: Set<number>;
  /** Ends it, while it has no orders. */
  idle: NodeJS.Timeout | undefined;
  /** It has made a background copy, and may not be able to raise its low priority again. */
  low: boolean;
}

export interface RunOptions extends CopyTerms {
  /** The order's root when it is on a network: such sources are read by a separate process. */
  networkRoot: string | null;
  /** Whether most of its time is waiting: for a small file, or for a hard disk. */
  light: boolean;
  progress(bytesDone: number): void;
  resuming(from: number): void;
  /** Resolves when the next step may be taken. */
  ask(bytes: number, from?: 'source' | 'peer'): Promise<void>;
  /** Told the notes of a copy with the help of the farm; resolves when others can read the noted chunks. */
  farm?(note: FarmNote): Promise<void>;
}

interface Means {
  module?: URL | undefined;
  /** Told of requests and bytes read from remotes. */
  onSpent?(spent: Spent[]): void;
}

/** The threads and processes that copy. They start when needed, end when nothing was copied for a while, and are replaced when they end. */
export class CopyWorkers implements AsyncDisposable {
  readonly #module: URL;
  readonly #clock: Clock;
  readonly #environment: NodeJS.ProcessEnv | undefined;
  #workers = new Set<Worker>();
  #running = new Map<number, Running>();
  #stopped = false;
  readonly #onSpent: (spent: Spent[]) => void;
  readonly #watcher: CopyWatcher = {
    progress: (id, bytesDone) => {
      const running = this.#running.get(id);
      if (!running) return;
      running.progress(bytesDone);
      this.#watchStall(running);
    },
    resuming: (id, from) => this.#running.get(id)?.resuming(from),
    ask: (id, bytes, from) => this.#giveTurn(id, bytes, from),
    farm: async (id, note) => this.#running.get(id)?.farm?.(note),
    spent: (spent) => this.#onSpent(spent),
  };

  /** @param environment of the processes that read network sources; undefined = this process's own */
  constructor(
    clock: Clock,
    environment?: NodeJS.ProcessEnv,
    { module = packageModule('transfer/worker'), onSpent = () => {} }: Means = {},
  ) {
    this.#onSpent = onSpent;
    this.#clock = clock;
    this.#module = module;
    // Node reads files on four threads unless configured before its start; many reads are to be in flight at once.
    this.#environment = environment && { ...environment, UV_THREADPOOL_SIZE: String(readerThreads) };
  }

  /** Carries out the order. @throws CacheError as `runCopyJob`, or SOURCE_AWAY when the source hangs. */
  async run<O extends JobOrder>(order: O, options: RunOptions): Promise<ReportOf<O>> {
    const { paced, urgent } = options;
    // The report is of the order's kind.
    return (await this.#call(order.id, options, (call) => call.run(order, { paced, urgent }))) as ReportOf<O>;
  }

  /** Finds out whether a source can be read. @throws CacheError as `probeSource`, or SOURCE_AWAY when the source hangs. */
  probe(order: ProbeOrder, options: RunOptions): Promise<void> {
    return this.#call(order.id, options, (call) => call.probe(order));
  }

  async #call<T>(id: number, options: RunOptions, work: (call: Peer<CopyWorker>['call']) => Promise<T>): Promise<T> {
    // A new worker would keep the process from ending.
    if (this.#stopped) throw new CacheError('CANCELLED', stopping);
    const worker = this.#workerFor(options);
    const { progress, resuming, ask, farm } = options;
    const running: Running = { progress, resuming, ask, ...(farm && { farm }), worker, stall: undefined };
    clearTimeout(worker.idle);
    worker.orders.add(id);
    this.#running.set(id, running);
    this.#watchStall(running);
    try {
      return await work(worker.peer.call);
    } finally {
      clearTimeout(running.stall);
      worker.orders.delete(id);
      this.#running.delete(id);
      if (worker.orders.size === 0) {
        worker.idle = setTimeout(() => this.#drop(worker, 'it had no work', 'CANCELLED'), idleMs).unref();
      }
    }
  }

  /** Asks a copy to end; its promise then rejects with CANCELLED. */
  cancel(id: number): void {
    this.#running.get(id)?.worker.peer.tell.cancel(id);
  }

  /** Tells a running copy whether a program waits for it. */
  hurry(id: number, urgent: boolean): void {
    const worker = this.#running.get(id)?.worker;
    if (!worker) return;
    worker.low ||= !urgent;
    worker.peer.tell.hurry(id, urgent);
  }

  /** Tells a running copy whether to ask before each step. */
  pace(id: number, paced: boolean): void {
    this.#running.get(id)?.worker.peer.tell.pace(id, paced);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const worker of this.#workers) this.#drop(worker, stopping, 'CANCELLED');
  }

  #workerFor({ networkRoot, urgent, light: isLight }: RunOptions): Worker {
    const light = isLight && !urgent;
    for (const worker of this.#workers) {
      const takesMore = worker.orders.size === 0 || networkRoot !== null || (light && worker.light);
      if (worker.networkRoot !== networkRoot || !takesMore) continue;
      if (networkRoot !== null || !urgent || !worker.low) {
        worker.low ||= !urgent;
        worker.light = light;
        return worker;
      }
      // It is idle: the new one replaces it.
      this.#drop(worker, stopping, 'CANCELLED');
    }
    const peer = startPeer<CopyWorker, CopyWatcher>(this.#module, networkRoot === null ? 'thread' : 'process', {
      functions: this.#watcher,
      onExit: () => this.#drop(worker, 'the copy worker ended unexpectedly', 'CACHE_IO'),
      env: this.#environment,
      youngGenerationMb: networkRoot === null ? 1 : readerYoungMb,
    });
    const worker: Worker = { peer, networkRoot, light, orders: new Set(), idle: undefined, low: !urgent };
    this.#workers.add(worker);
    return worker;
  }

  async #giveTurn(id: number, bytes: number, from?: 'source' | 'peer'): Promise<void> {
    const running = this.#running.get(id);
    // A copy we paused is not hung.
    clearTimeout(running?.stall);
    await running?.ask(bytes, from);
    if (running && this.#running.get(id) === running) this.#watchStall(running);
  }

  #watchStall(running: Running): void {
    const { worker } = running;
    if (worker.networkRoot === null) return;
    clearTimeout(running.stall);
    const since = this.#clock.monotonic();
    running.stall = setTimeout(() => {
      const seconds = Math.round((this.#clock.monotonic() - since) / 1000);
      this.#drop(worker, `the source has not answered for ${seconds} s`, 'SOURCE_AWAY');
    }, stallMs).unref();
  }

  /** Its copies fail with this error. */
  #drop(worker: Worker, why: string, code: 'CACHE_IO' | 'SOURCE_AWAY' | 'CANCELLED'): void {
    if (this.#workers.delete(worker)) worker.peer.kill(new CacheError(code, why));
  }
}
