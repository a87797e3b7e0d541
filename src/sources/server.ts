import { messageOf } from '../core/errors.ts';
import { type Machine, thisMachine } from '../media/machine.ts';
import { foreignPart } from '../media/resolve-locally.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { measureReads } from './measure-reads.ts';
import type { Ground, ReaderEvent, ReaderReply, ReaderRequest } from './messages.ts';
import { answerStat, identify, readText } from './operations.ts';
import { probeSmallReads } from './probe.ts';
import { findPublished, type Published } from './published.ts';
import { walk } from './walk.ts';
import { DirectoryWatch } from './watch.ts';

export interface ReaderTransport {
  send(message: ReaderReply | ReaderEvent): void;
  onRequest(listener: (request: ReaderRequest) => void): unknown;
  /** True in a process of its own, which may hang. */
  mayTouchNetwork: boolean;
}

type Request<Op extends ReaderRequest['op']> = Extract<ReaderRequest, { op: Op }>;

/** Batches that may be under way at once: the receiver's thread never finds more than so many waiting. */
const window = 2;
const aliveMs = 1_000;

/** The reader's side of the line: answers requests until the line closes. */
export function serve(transport: ReaderTransport): void {
  const reader = new Reader(transport);
  transport.onRequest((request) => void reader.take(request));
}

class Reader {
  #transport: ReaderTransport;
  #walks = new Map<number, { abort: AbortController; more: () => void }>();
  #watches = new Map<number, DirectoryWatch>();
  #machine = thisMachine();

  constructor(transport: ReaderTransport) {
    this.#transport = transport;
  }

  async take(request: ReaderRequest): Promise<void> {
    const { id } = request;
    try {
      const reply = await this.#answer(request);
      if (reply) this.#transport.send(reply);
    } catch (error) {
      this.#transport.send({ op: 'failed', id, code: errnoOf(error) ?? 'ERROR', message: messageOf(error) });
    }
  }

  async #answer(request: ReaderRequest): Promise<ReaderReply | null> {
    const { op, id } = request;
    const at = await this.#foreign(request);
    if (at !== null) return { op: 'foreign', id, at };
    switch (op) {
      case 'stat':
        return { op, id, answer: answerStat(request.path, request.ground) };
      case 'identify':
        return { op, id, facts: identify(request.ground) };
      case 'read':
        return { op: 'text', id, text: await readText(request.path) };
      case 'probe':
        return { op, id, ms: probeSmallReads(request.path) };
      case 'published':
        return { op, id, published: await this.#published(request) };
      case 'measure':
        return { op, id, speeds: measureReads(request.path) };
      case 'walk':
        return this.#walk(request);
      case 'watch':
        return this.#watch(request);
      case 'more':
        this.#walks.get(id)?.more();
        return null;
      case 'cancel':
        this.#walks.get(id)?.abort.abort();
        this.#walks.get(id)?.more();
        this.#watches.get(id)?.close();
        this.#watches.delete(id);
        return null;
    }
  }

  /** What of the request a thread must not touch. */
  async #foreign(request: ReaderRequest): Promise<string | null> {
    if (this.#transport.mayTouchNetwork || !('ground' in request)) return null;
    const { ground } = request;
    const target = 'path' in request ? request.path : request.op === 'walk' ? request.directory : ground.root;
    return foreignPart(ground.root, target, this.#machineFor(ground));
  }

  #published({ path, ground }: Request<'published'>): Promise<Published | null> {
    const isNear = async (beside: string) => (await foreignPart(ground.root, beside, this.#machineFor(ground))) === null;
    return findPublished(path, ground.root, this.#transport.mayTouchNetwork ? async () => true : isNear);
  }

  async #walk({ id, ground, directory, recursive, skip }: Request<'walk'>): Promise<ReaderReply> {
    const abort = new AbortController();
    let underWay = 0;
    let goOn = () => {};
    const more = () => {
      underWay--;
      goOn();
    };
    this.#walks.set(id, { abort, more });
    let heardAt = performance.now();
    const say = (event: ReaderEvent) => {
      heardAt = performance.now();
      this.#transport.send(event);
    };
    try {
      const result = await walk(directory, {
        recursive,
        stableInodes: ground.stableInodes,
        skip: new Set(skip),
        machine: this.#machineFor(ground),
        mayTouchNetwork: this.#transport.mayTouchNetwork,
        signal: abort.signal,
        onProgress: () => performance.now() - heardAt > aliveMs && say({ op: 'alive', id }),
        async onBatch(batch) {
          say({ op: 'files', id, batch });
          underWay++;
          if (underWay >= window) {
            await new Promise<void>((resolve) => {
              goOn = resolve;
            });
          }
        },
      });
      return { op: 'walked', id, result };
    } finally {
      this.#walks.delete(id);
    }
  }

  async #watch({ id, ground, skip, settleMs }: Request<'watch'>): Promise<ReaderReply> {
    const watch = new DirectoryWatch(ground.root, {
      machine: this.#machineFor(ground),
      skip: new Set(skip),
      settleMs,
      onChanged: (directories) => this.#transport.send({ op: 'changed', id, directories, trouble: null }),
      onError: (trouble) => this.#transport.send({ op: 'changed', id, directories: [], trouble }),
    });
    this.#watches.set(id, watch);
    return { op: 'watching', id, directories: await watch.start() };
  }

  #machineFor(ground: Ground): Machine {
    return ground.volumes.length === 0 ? this.#machine : thisMachine(ground.volumes);
  }
}
