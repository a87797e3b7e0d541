import { hash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MemoEntriesAnswer, MemoFound, MemoPutAnswer } from '../api/memo.ts';
import { CacheError } from '../core/errors.ts';
import { JsonText } from './daemon-call.ts';
import { orGiveBack } from './memo-stage.ts';
import { decode, encode } from './memo-values.ts';
import { MemoWire, type MemoWireOptions } from './memo-wire.ts';

/** Keyv's own name for an entry. */
interface Kept {
  key: string;
  value: unknown;
}

/** Maximum keys in one request for values, and maximum entries that `clear` deletes one by one. */
const mostKeys = 500;
/** Pause after a refusal for too many removals in a minute, ms. */
const nextRemovalMs = 5_000;
const removalTries = 13;

/**
 * A Keyv store whose values are results of the daemon: all programs of the machine see them, and they outlive a program. Without the
 * daemon nothing is found or kept. A value may leave before its time when there is no room.
 */
export class KeyvAutocached extends EventEmitter {
  readonly opts: Record<string, unknown>;
  /** Set by Keyv. */
  namespace: string | undefined;
  readonly #wire: MemoWire;
  readonly #base: string;

  /** @param options `base`: the namespace of its results, beside which those of Keyv's namespaces are; default `keyv` */
  constructor({ base = 'keyv', ...options }: MemoWireOptions & { base?: string } = {}) {
    super();
    // Keyv reads both.
    this.opts = { dialect: 'autocached', url: 'autocached' };
    this.#wire = new MemoWire(options);
    this.#base = base;
  }

  async get<T>(key: string): Promise<T | undefined> {
    const [value] = await this.getMany<T>([key]);
    return value;
  }

  async getMany<T>(keys: string[]): Promise<(T | undefined)[]> {
    const found = await this.#find(keys.map(keyOf)).catch(nothing);
    return keys.map((key, index) => (found[index]?.key === key ? (found[index].value as T) : undefined));
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return (await this.getMany(keys)).map((value) => value !== undefined);
  }

  /** @param ttl ms; left out = without end @returns whether it is kept */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    // JSON has no undefined, and to Keyv it is the same as nothing.
    if (value === undefined) return true;
    try {
      const { fields, blobs, staged } = await encode({ key, value }, this.#wire);
      await this.#wire.upload(blobs);
      return await orGiveBack(this.#wire, staged, this.#put(keyOf(key), fields, ttl ?? 'none'));
    } catch (error) {
      if (error instanceof CacheError) return false;
      throw error;
    }
  }

  async setMany(values: { key: string; value: unknown; ttl?: number }[]): Promise<void> {
    await Promise.all(values.map(({ key, value, ttl }) => this.set(key, value, ttl)));
  }

  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key]);
  }

  /** @returns whether there was one of them */
  async deleteMany(keys: string[]): Promise<boolean> {
    const has = await this.hasMany(keys);
    const there = keys.filter((_, index) => has[index]);
    await Promise.all(there.map((key) => this.#expire(keyOf(key))));
    return there.length > 0;
  }

  /** Removes all entries of this namespace. @throws Error when the daemon does not answer: its values may still be there */
  async clear(): Promise<void> {
    const { entries } = await this.#entries(mostKeys + 1, 0);
    // The daemon allows few removals by namespace a minute, and small ones are frequent in tests.
    if (entries.length <= mostKeys) {
      await Promise.all(entries.filter(isAlive).map(({ key }) => this.#expire(key)));
      return;
    }
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#wire.ask('POST', '/api/memo/invalidate', { body: { ns: this.#ns, all: true }, answerMs: 30_000 });
        return;
      } catch (error) {
        if (tries === removalTries || !(error instanceof CacheError && error.code === 'RATE_LIMITED')) throw error;
        await sleep(nextRemovalMs);
      }
    }
  }

  /** All keys and values of this namespace. */
  async *iterator<T = unknown>(): AsyncGenerator<[string, Awaited<T>], void> {
    const keys: string[] = [];
    for (let total = 1; keys.length < total; ) {
      const page = await this.#entries(10_000, keys.length);
      if (page.entries.length === 0) break;
      keys.push(...page.entries.map(({ key }) => key));
      total = page.total;
    }
    for (let at = 0; at < keys.length; at += mostKeys) {
      for (const kept of await this.#find(keys.slice(at, at + mostKeys))) if (kept) yield [kept.key, kept.value as Awaited<T>];
    }
  }

  async disconnect(): Promise<void> {
    this.#wire.close();
  }

  /** A name that the daemon takes, for any name of Keyv's. */
  get #ns(): string {
    if (this.namespace === undefined) return this.#base;
    const isPlain = /^[\w.-]{1,60}$/.test(this.namespace);
    return `${this.#base}:${isPlain ? this.namespace : hash('sha256', this.namespace).slice(0, 40)}`;
  }

  async #find(keys: string[]): Promise<(Kept | undefined)[]> {
    const found: (Kept | undefined)[] = [];
    for (let at = 0; at < keys.length; at += mostKeys) {
      const body = { ns: this.#ns, keys: keys.slice(at, at + mostKeys) };
      const { results } = await this.#wire.ask<{ results: MemoFound[] }>('POST', '/api/memo/get', { body });
      found.push(...(await Promise.all(results.map((result) => this.#read(result)))));
    }
    return found;
  }

  async #read(found: MemoFound): Promise<Kept | undefined> {
    if (found.state === 'miss') return undefined;
    return (await decode(found, this.#wire).catch(() => undefined)) as Kept | undefined;
  }

  async #put(key: string, fields: string, ttl: number | 'none'): Promise<boolean> {
    const body = new JsonText(`{"ns":"${this.#ns}","key":"${key}",${fields},"ttl":${JSON.stringify(ttl)},"stale":0}`);
    return (await this.#wire.ask<MemoPutAnswer>('POST', '/api/memo/put', { body, answerMs: 20_000 })).stored;
  }

  /** Deletes one by putting a value that has expired. */
  #expire(key: string): Promise<boolean> {
    return this.#put(key, '"value":null', 0);
  }

  #entries(limit: number, offset: number): Promise<MemoEntriesAnswer> {
    const query = new URLSearchParams({
      plane: 'memo',
      ns: this.#ns,
      sort: 'age',
      limit: String(limit),
      offset: String(offset),
    });
    return this.#wire.ask('GET', `/api/cache/entries?${query}`, { answerMs: 30_000 });
  }
}

function keyOf(key: string): string {
  return hash('sha256', key);
}

function isAlive({ endsInMs }: { endsInMs: number | null }): boolean {
  return endsInMs === null || endsInMs > 0;
}

function nothing(error: unknown): undefined[] {
  if (error instanceof CacheError) return [];
  throw error;
}
