import { CacheError } from '../core/errors.ts';
import { type Machine, thisMachine } from '../media/machine.ts';
import { foreignPart } from '../media/resolve-locally.ts';
import type { SourceDriver } from './driver.ts';
import { posixDriver } from './drivers/posix/posix-driver.ts';
import { lookError } from './io-errors.ts';
import type { Ground, ReaderEvent, ReaderReply, ReaderRequest } from './messages.ts';
import { readText } from './read-text.ts';

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
  /** Walks and watches that a message may still be for. */
  #underWay = new Map<number, { abort: AbortController; more: () => void }>();
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
      const { code, message } = lookError(error);
      this.#transport.send({ op: 'failed', id, code, message });
    }
  }

  async #answer(request: ReaderRequest): Promise<ReaderReply | null> {
    const { op, id } = request;
    const at = await this.#foreign(request);
    if (at !== null) return { op: 'foreign', id, at };
    switch (op) {
      case 'stat':
        return { op, id, answer: await this.#driver(request).stat(request.path) };
      case 'identify':
        return { op, id, facts: await this.#driver(request).identify() };
      case 'read':
        return { op: 'text', id, text: await readText(request.path) };
      case 'probe':
        return { op, id, ms: await this.#driver(request).probe(request.path) };
      case 'published':
        return { op, id, published: await this.#driver(request).published(request.path) };
      case 'measure':
        return { op, id, speeds: await this.#driver(request).measure(request.path) };
      case 'walk':
        return this.#walk(request);
      case 'watch':
        return this.#watch(request);
      case 'more':
        this.#underWay.get(id)?.more();
        return null;
      case 'cancel':
        this.#underWay.get(id)?.abort.abort();
        this.#underWay.get(id)?.more();
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

  async #walk({ id, ground, directory, recursive, skip }: Request<'walk'>): Promise<ReaderReply> {
    const abort = new AbortController();
    let underWay = 0;
    let goOn = () => {};
    const more = () => {
      underWay--;
      goOn();
    };
    this.#underWay.set(id, { abort, more });
    let heardAt = performance.now();
    const say = (event: ReaderEvent) => {
      heardAt = performance.now();
      this.#transport.send(event);
    };
    try {
      const result = await this.#driver({ ground }).list(directory, {
        recursive,
        skip: new Set(skip),
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
      this.#underWay.delete(id);
    }
  }

  async #watch({ id, ground, skip, settleMs }: Request<'watch'>): Promise<ReaderReply> {
    const driver = this.#driver({ ground });
    if (!driver.watch) throw new CacheError('SOURCE_IO', `what changes in ${ground.root} is not told`);
    const abort = new AbortController();
    this.#underWay.set(id, { abort, more: () => {} });
    abort.signal.addEventListener('abort', () => this.#underWay.delete(id));
    const directories = await driver.watch({
      skip: new Set(skip),
      settleMs,
      onChanged: (changed) => this.#transport.send({ op: 'changed', id, directories: changed, trouble: null }),
      onTrouble: (trouble) => this.#transport.send({ op: 'changed', id, directories: [], trouble }),
      signal: abort.signal,
    });
    return { op: 'watching', id, directories };
  }

  #driver({ ground }: { ground: Ground }): SourceDriver {
    const { root, stableInodes } = ground;
    return posixDriver({ root, stableInodes, network: this.#transport.mayTouchNetwork, machine: this.#machineFor(ground) });
  }

  #machineFor(ground: Ground): Machine {
    return ground.volumes.length === 0 ? this.#machine : thisMachine(ground.volumes);
  }
}
