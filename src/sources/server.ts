import { CacheError } from '../core/errors.ts';
import type { SourceFile } from '../core/types.ts';
import { type Machine, thisMachine } from '../media/machine.ts';
import { foreignPart } from '../media/resolve-locally.ts';
import type { Calls } from '../runtime/calls.ts';
import { collectGarbage } from '../runtime/heap.ts';
import type { SourceDriver } from './driver.ts';
import { driverFor } from './driver-for.ts';
import { lookError } from './io-errors.ts';
import type { Elsewhere, Ground, ListRequest, Reader, ReaderListener } from './messages.ts';
import { readText } from './read-text.ts';
import { spending } from './spending.ts';

export interface SourceReaderOptions {
  /** True in a separate process, which may hang. */
  mayTouchNetwork: boolean;
  /** The daemon, which receives files and changes. */
  parent(): Calls<ReaderListener>;
}

const aliveMs = 1_000;
/** Minimum files of a listing after which the heap is collected: 100,000 leave 9 MiB of garbage, which a thread keeps for hours. */
const manyFiles = 10_000;

/** The reader's side of the channel. A thread touches only the volume of the root. */
export class SourceReader implements Reader {
  readonly #options: SourceReaderOptions;
  readonly #machine = thisMachine();
  /** Listings and watches. */
  #underWay = new Map<number, AbortController>();

  constructor(options: SourceReaderOptions) {
    this.#options = options;
  }

  stat(ground: Ground, path: string) {
    return this.#ask(ground, path, (driver) => driver.stat(path));
  }

  identify(ground: Ground) {
    return this.#ask(ground, ground.root, (driver) => driver.identify());
  }

  published(ground: Ground, path: string) {
    return this.#ask(ground, path, (driver) => driver.published(path));
  }

  probe(ground: Ground, path: string) {
    return this.#ask(ground, path, (driver) => driver.probe(path));
  }

  measure(ground: Ground, path: string) {
    return this.#ask(ground, path, (driver) => driver.measure(path));
  }

  readText(path: string) {
    return inOurWords(() => readText(path));
  }

  head(ground: Ground, file: SourceFile, bytes: number) {
    return this.#ask(ground, file.path, async (driver) => {
      const source = await driver.open(file);
      try {
        const into = new Uint8Array(bytes);
        return into.subarray(0, await source.read(into, 0));
      } finally {
        await source.close();
      }
    });
  }

  list(id: number, ground: Ground, { directory, recursive, beside, skip }: ListRequest) {
    const { call, tell } = this.#options.parent();
    const { signal } = this.#begin(id);
    let heardAt = performance.now();
    let dealtWith = Promise.resolve();
    const listing = this.#ask(ground, directory, (driver) =>
      driver.list(directory, {
        recursive,
        beside,
        skip: new Set(skip),
        signal,
        onProgress() {
          spending.tellNowAndThen(tell.spent);
          if (performance.now() - heardAt <= aliveMs) return;
          heardAt = performance.now();
          tell.alive(id);
        },
        // At most two batches are in flight and wait for the receiver's thread.
        async onBatch(batch) {
          heardAt = performance.now();
          const before = dealtWith;
          dealtWith = call.files(id, batch);
          await before;
        },
      }),
    );
    return listing
      .then((listed) => {
        if ('files' in listed && listed.files >= manyFiles) collectGarbage();
        return listed;
      })
      .finally(() => this.#underWay.delete(id));
  }

  async watch(id: number, ground: Ground, { skip, settleMs }: { skip: string[]; settleMs: number }) {
    const { tell } = this.#options.parent();
    const { signal } = this.#begin(id);
    let watches = false;
    try {
      return await this.#ask(ground, ground.root, async (driver) => {
        if (!driver.watch) throw new CacheError('SOURCE_IO', `changes in ${ground.root} cannot be watched`);
        signal.throwIfAborted();
        const watched = await driver.watch({
          skip: new Set(skip),
          settleMs,
          onChanged: (directories) => tell.changed(id, directories, null),
          onTrouble: (trouble) => tell.changed(id, [], trouble),
          signal,
        });
        watches = true;
        return watched;
      });
    } finally {
      if (!watches) this.#underWay.delete(id);
    }
  }

  cancel(id: number): void {
    this.#underWay.get(id)?.abort();
    this.#underWay.delete(id);
  }

  #begin(id: number): AbortController {
    const abort = new AbortController();
    this.#underWay.set(id, abort);
    return abort;
  }

  #ask<T>(ground: Ground, target: string, question: (driver: SourceDriver) => Promise<T>): Promise<T | Elsewhere> {
    const { root, remote, stableInodes, volumes } = ground;
    const network = this.#options.mayTouchNetwork;
    const machine: Machine = volumes.length === 0 ? this.#machine : thisMachine(volumes);
    const answer = inOurWords(async () => {
      const elsewhere = network ? null : await foreignPart(root, target, machine);
      if (elsewhere !== null) return { elsewhere };
      return question(await driverFor({ root, remote, stableInodes, network, machine }));
    });
    return answer.finally(() => spending.tell(this.#options.parent().tell.spent));
  }
}

async function inOurWords<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    throw lookError(error);
  }
}
