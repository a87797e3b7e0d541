import { hash } from 'node:crypto';
import { type MemoRemoval, namespaceForm, namespaceWords } from '../api/memo.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import { within } from '../runtime/deadline.ts';
import { InFlight } from '../runtime/in-flight.ts';
import { JsonText } from './daemon-call.ts';
import { HeldLease } from './held-lease.ts';
import type { Invalidate, KeepOptions, Memoized, MemoizeOptions, MemoOptions } from './memo-options.ts';
import { partsText } from './memo-parts.ts';
import { putResult } from './memo-put.ts';
import { decode, hashFile } from './memo-values.ts';
import { MemoWire } from './memo-wire.ts';

/** Another program has computed the same, and failed: all waiters get its error, which is not kept. */
export class CoalescedError extends Error {
  override name = 'CoalescedError';
}

const usualWaitMs = 600_000;
const leaseMs = 30_000;
/** Maximum wait for the removal of results, ms: the daemon may have to wait for a program that holds their file locked. */
const invalidateMs = 30_000;
/** Maximum wait of a caller until its result is stored, ms; after that, storing continues in the background. */
const storeWaitMs = 2_000;

/** Bounds the memory of a program that runs for months. */
const mostWarnings = 100;

interface Computed<T> {
  result: T;
  options: KeepOptions<T>;
  lease: HeldLease | null;
}

/** Results that are computed once for all programs. Without the daemon everything is computed, as it would be without this. */
export class Memo {
  readonly #wire: MemoWire;
  readonly #name: string;
  readonly #ns: string;
  readonly #running = new InFlight<string, unknown>();
  readonly #behind = new Set<Promise<unknown>>();
  readonly #memoized = new Map<string, string>();
  readonly #onWarning: (message: string) => void;
  readonly #warned = new Set<string>();

  /** @throws TypeError for a namespace that the daemon would refuse */
  constructor({ namespace, version, onWarning = emitWarning, ...options }: MemoOptions) {
    if (!namespaceForm.test(namespace)) throw new TypeError(`a namespace has ${namespaceWords}: ${namespace}`);
    this.#wire = new MemoWire(options);
    this.#onWarning = onWarning;
    this.#ns = namespace;
    this.#name = `"ns":${JSON.stringify(namespace)}${version === undefined ? '' : `,"version":${JSON.stringify(version)}`}`;
  }

  /**
   * The result of these parts: found, or computed by one of all programs that ask at the same time. Rejects with the error of
   * `compute`, and with `CoalescedError` when another program's computation failed.
   * @param parts JSON: everything that can change the result @throws TypeError for parts that are no JSON
   */
  async getOrCompute<T>(parts: unknown, compute: () => T | Promise<T>, options: KeepOptions<T> = {}): Promise<T> {
    const question = this.#question(parts, options.text);
    return this.#running.run(question, () => this.#find(question, compute, options)) as Promise<T>;
  }

  /** The function with its results kept. Rejects with TypeError for arguments that are no JSON, unless `key` is given. */
  memoize<A extends unknown[], T>(compute: (...args: A) => T | Promise<T>, options: MemoizeOptions<A, T> = {}): Memoized<A, T> {
    const { name = compute.name, key, tags, deps, label, text, ...keep } = options;
    if (text && !key) throw new TypeError('a "text" needs a "key" that gives the rest');
    if (!key) this.#claim(name, compute);
    const parts = async (...args: A) => ({
      parts: key ? await settledKey(key(...args)) : [name, ...withoutLeftOut(args)],
      ...(text && { text: text(...args) }),
    });
    const memoized = async (...args: A): Promise<T> => {
      const { parts: named, ...words } = await parts(...args);
      return this.getOrCompute(named, () => compute(...args), {
        ...keep,
        ...(tags && { tags: tags(...args) }),
        ...(deps && { deps: deps(...args) }),
        ...(label && { label: label(...args) }),
        ...words,
      });
    };
    return Object.assign(memoized, { parts });
  }

  /**
   * Removes results of the namespace. Rejects when the daemon does not answer or refuses: they may still be served.
   * @throws TypeError for parts that are no JSON
   */
  async invalidate({ parts, text, keys, deps, ...more }: Invalidate): Promise<MemoRemoval> {
    const isNamed = parts !== undefined || text !== undefined;
    const all = isNamed ? [...(keys ?? []), await this.#keyOf(this.#question(parts, text))] : keys;
    const body = {
      ...{ ns: this.#ns, ...more },
      ...(all && { keys: all }),
      ...(deps && { deps: deps.map((path) => `file:${path}`) }),
    };
    return this.#wire.ask('POST', '/api/memo/invalidate', { body, answerMs: invalidateMs });
  }

  /** Bytes, as a part of a key. */
  bytes(bytes: Uint8Array): { $sha256: string } {
    return { $sha256: hash('sha256', bytes) };
  }

  /** The content of a file, as a part of a key. */
  async file(path: string): Promise<{ $sha256: string }> {
    return { $sha256: await hashFile(path) };
  }

  /** Resolves when all results so far are stored or given up. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#behind);
  }

  /** Closes the connections to the daemon. */
  close(): void {
    this.#wire.close();
  }

  /** The fields that name a result, as JSON without braces. */
  #question(parts: unknown, text: string | undefined): string {
    return `${this.#name},"parts":${partsText(parts)}${text === undefined ? '' : `,"text":${JSON.stringify(text)}`}`;
  }

  /** Only the daemon knows the version of a namespace, which is in its keys. */
  async #keyOf(question: string): Promise<string> {
    const body = new JsonText(`{${question}}`);
    return (await this.#wire.ask<{ key: string }>('POST', '/api/memo/get', { body, answerMs: invalidateMs })).key;
  }

  async #find<T>(question: string, compute: () => T | Promise<T>, options: KeepOptions<T>): Promise<T> {
    const waitMs = options.waitMs ?? usualWaitMs;
    const taken = await this.#wire.take(question, { waitMs, leaseMs }).catch((error: unknown) => this.#refused(error));
    if (taken === null) return compute();
    if (taken.state === 'error') throw new CoalescedError(taken.error);
    if (taken.state === 'timeout') return this.#compute(question, compute, options, null);
    if (taken.state === 'compute') return this.#compute(question, compute, options, taken.lease);
    // Any other answer means: compute.
    if (taken.state !== 'hit' && taken.state !== 'stale') return compute();
    const { refresh = null } = taken;
    const found = await decode(taken, this.#wire).then(
      (value) => ({ value: value as T }),
      () => null,
    );
    if (found === null) return this.#compute(question, compute, options, refresh);
    if (refresh !== null) void this.#keepBehind(this.#refresh(this.#compute(question, compute, options, refresh)));
    return found.value;
  }

  async #compute<T>(question: string, compute: () => T | Promise<T>, options: KeepOptions<T>, id: string | null): Promise<T> {
    const lease = id === null ? null : new HeldLease(this.#wire, { id, ms: leaseMs });
    try {
      const result = await compute();
      const stored = this.#store(question, { result, options, lease });
      await within(this.#keepBehind(stored), storeWaitMs, undefined);
      return result;
    } catch (error) {
      await lease?.failed(messageOf(error));
      throw error;
    }
  }

  /** Stores a result. Never rejects: without it, the next caller computes. */
  async #store<T>(question: string, { result, options, lease }: Computed<T>): Promise<void> {
    try {
      await putResult(this.#wire, question, { result, options, lease: lease?.id ?? null });
      lease?.done();
    } catch (error) {
      // A temporary failure of the daemon or its disk does not concern the program.
      const isRefused = !(error instanceof CacheError) || error.code === 'BAD_REQUEST';
      if (isRefused) this.#warn(`a result is not kept: ${messageOf(error)}`);
      await lease?.giveUp({ all: isRefused });
    }
  }

  /** @param work never rejects */
  #keepBehind(work: Promise<void>): Promise<void> {
    this.#behind.add(work);
    void work.then(() => this.#behind.delete(work));
    return work;
  }

  async #refresh(computing: Promise<unknown>): Promise<void> {
    try {
      await computing;
    } catch (error) {
      this.#warn(`a stale result could not be computed anew: ${messageOf(error)}`);
    }
  }

  /** Null: compute. A question that can never be answered is a fault of the program, and throws. */
  #refused(error: unknown): null {
    if (error instanceof CacheError && error.code === 'BAD_REQUEST') this.#warn(`nothing is kept: ${error.message}`);
    return null;
  }

  /** Two functions of one name would get each other's results. */
  #claim(name: string, compute: unknown): void {
    if (name === '') throw new TypeError('the function has no name: give memoize a "name" or a "key"');
    const text = String(compute);
    const known = this.#memoized.get(name);
    if (known !== undefined && known !== text) throw new TypeError(`another function named ${name} is memoized: give a "name"`);
    this.#memoized.set(name, text);
  }

  /** Once for each reason. */
  #warn(message: string): void {
    if (this.#warned.has(message) || this.#warned.size >= mostWarnings) return;
    this.#warned.add(message);
    this.#onWarning(`${this.#ns}: ${message}`);
  }
}

function emitWarning(message: string): void {
  process.emitWarning(message, { type: 'AutocachedWarning' });
}

/** Results that are computed once for all programs of this machine. */
export function createMemo(options: MemoOptions): Memo {
  return new Memo(options);
}

/** An undefined argument counts as left out. */
function withoutLeftOut(args: readonly unknown[]): unknown[] {
  return args.slice(0, args.findLastIndex((arg) => arg !== undefined) + 1);
}

/** The hashes of files in a key are promises. */
async function settledKey(given: unknown): Promise<unknown> {
  const key = await given;
  return Array.isArray(key) ? Promise.all(key) : key;
}
