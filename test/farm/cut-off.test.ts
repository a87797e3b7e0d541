import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { ChunkSet } from '../../src/farm/chunk-set.ts';
import type { SwarmContent, SwarmEntry } from '../../src/farm/directory.ts';
import { fetchContent } from '../../src/farm/fetch-content.ts';
import type { FetchParts, KnownHost, Origin } from '../../src/farm/fetch-parts.ts';
import { MemoryDirectory } from '../../src/farm/memory-directory.ts';
import { ownVersions } from '../../src/farm/peer-wire.ts';
import { patience, soon } from '../helpers/patience.ts';
import { sha256 } from './shared-copy.ts';

const chunks = 32;
const content: SwarmContent = { id: 'a', chunks, origin: 'nas', slots: 4 };
const part = (chunk: number) => Buffer.from([chunk]);
const known: KnownHost[] = ['a', 'b', 'c', 'd'].map((host) => ({ host, url: host, wire: ownVersions }));

/** Two hosts, a and b, that reach each other, among four. */
class CutOff {
  readonly directory = new MemoryDirectory(() => performance.now());
  isCut: boolean;
  /** Hosts that reach the directory still while the others are cut off. */
  readonly reaching = new Set<string>();
  readonly #has = new Map<string, ChunkSet>();
  /** Reads of the origin, by host. */
  readonly reads: Record<string, number> = {};

  constructor(isCut: boolean) {
    this.isCut = isCut;
  }

  get readsOfAll(): number {
    return Object.values(this.reads).reduce((sum, reads) => sum + reads, 0);
  }

  async fetch(host: string, more: Partial<FetchParts> = {}): Promise<void> {
    const has = new ChunkSet(chunks);
    this.#has.set(host, has);
    await fetchContent({
      ...{ content, host, size: chunks * chunkSize, hashes: new Map(), originSpeed: null },
      directory: {
        join: (...asked) => this.#cuttable(host, this.directory.join(...asked)),
        hosts: async () => this.#answered(host, known),
      },
      peers: {
        content: (url) =>
          this.#answer(url, (has) => ({
            size: chunks * chunkSize,
            have: Buffer.from(has.bytes()).toString('base64'),
            claims: this.#reaches(url) && !has.isFull,
          })),
        chunks: async ({ url, run, onChunk }) => {
          const given = await this.#answer(url, (has) =>
            Array.from({ length: run.to - run.from }, (_, at) => run.from + at).every((chunk) => has.has(chunk)),
          );
          if (!given) return { is: given === null ? 'silent' : 'gone' };
          for (let chunk = run.from; chunk < run.to; chunk++) await onChunk(chunk, part(chunk), sha256(part(chunk)));
          return { is: 'served' };
        },
      },
      origin: this.#origin(host),
      keep: async (chunk) => {
        has.add(chunk);
      },
      turn: async () => {},
      priority: () => 'background',
      note() {},
      signal: new AbortController().signal,
      ...more,
    });
    expect(has.isFull).toBe(true);
  }

  /** Hosts c and d are known, and reached by nobody. */
  async #answer<T>(host: string, of: (has: ChunkSet) => T): Promise<T | null> {
    const has = this.#has.get(host);
    if (has) return of(has);
    await sleep(2000);
    return null;
  }

  #reaches(host: string): boolean {
    return !this.isCut || this.reaching.has(host);
  }

  #answered<T>(host: string, answer: T): T {
    if (!this.#reaches(host)) throw new Error('the directory does not answer');
    return answer;
  }

  #cuttable(host: string, entry: SwarmEntry): SwarmEntry {
    return new Proxy(entry, {
      get: (target, name: keyof SwarmEntry) => {
        const call = target[name].bind(target) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => this.#answered(host, await call(...args));
      },
    });
  }

  #origin(host: string): Origin {
    const reads = this.reads;
    return {
      async *read({ from, to }, { onBytes }) {
        for (let chunk = from; chunk < to; chunk++) {
          await sleep(50);
          onBytes();
          reads[host] = (reads[host] ?? 0) + 1;
          yield { chunk, bytes: part(chunk) };
        }
      },
    };
  }
}

describe('hosts that are cut off from the directory and from others of the farm', { timeout: patience(30_000) }, () => {
  test('go on with each other, and read little more than once', async () => {
    const farm = new CutOff(false);
    for (const [index, host] of ['c', 'd'].entries()) {
      const has = new ChunkSet(chunks);
      has.add(chunks - 1 - index);
      await farm.directory.join(content, host).announce(has, new Map());
    }
    const fetching = ['a', 'b'].map((host) => farm.fetch(host));
    await expect.poll(() => Object.keys(farm.reads).length, soon()).toBe(2);
    farm.isCut = true;
    await Promise.all(fetching);
    expect(farm.readsOfAll).toBeGreaterThanOrEqual(chunks);
    expect(farm.readsOfAll / chunks).toBeLessThanOrEqual(1.5);
  });

  test('ask each other from the start, and read little more than once', async () => {
    const farm = new CutOff(true);
    await Promise.all(['a', 'b'].map((host) => farm.fetch(host, { known })));
    expect(farm.readsOfAll).toBeGreaterThanOrEqual(chunks);
    expect(farm.readsOfAll / chunks).toBeLessThanOrEqual(1.5);
  });

  test('leave the origin to one that still reaches the directory', async () => {
    const farm = new CutOff(true);
    farm.reaching.add('a');
    await Promise.all(['a', 'b'].map((host) => farm.fetch(host, { known })));
    expect(farm.readsOfAll).toBeGreaterThanOrEqual(chunks);
    // What it reads before the other one has said so.
    expect(farm.reads['b'] ?? 0).toBeLessThanOrEqual(2);
  });

  test('read by themselves where the one that reaches the directory does not', async () => {
    const farm = new CutOff(true);
    farm.reaching.add('a');
    const waiting = farm.fetch('a', { known, origin: null, times: { hopeless: 60_000 } });
    await farm.fetch('b', { known });
    expect(farm.reads).toEqual({ b: chunks });
    farm.isCut = false;
    await farm.directory.join(content, 'b').announce(ChunkSet.all(chunks), new Map());
    await waiting;
  });

  test('give to one whose source is away', async () => {
    const farm = new CutOff(true);
    await farm.fetch('a');
    await farm.fetch('b', { known, origin: null });
    expect(farm.reads).toEqual({ a: chunks });
    await expect(farm.fetch('b', { origin: null })).rejects.toMatchObject({ code: 'SOURCE_AWAY' });
  });

  test('give to one whose source is away while they read', async () => {
    const farm = new CutOff(true);
    const reading = farm.fetch('a', { known });
    await expect.poll(() => farm.readsOfAll, soon()).toBeGreaterThanOrEqual(2);
    await Promise.all([reading, farm.fetch('b', { known, origin: null })]);
    expect(farm.reads).toEqual({ a: chunks });
  });
});
