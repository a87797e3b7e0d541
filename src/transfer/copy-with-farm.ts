import { createHash } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { chunkSize } from '../codec/chunk-hash.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import { contentIdOf } from '../farm/content-id.ts';
import type { SwarmContent } from '../farm/directory.ts';
import { type FarmLink, farmLink } from '../farm/farm-link.ts';
import type { FarmOrder } from '../farm/farm-order.ts';
import { fetchContent } from '../farm/fetch-content.ts';
import type { Origin } from '../farm/fetch-parts.ts';
import { leastShared } from '../farm/least-shared.ts';
import { blockMemory } from '../runtime/block-memory.ts';
import { bufferOf } from '../runtime/buffer-of.ts';
import { systemClock } from '../runtime/clock.ts';
import { throttle } from '../runtime/throttle.ts';
import type { OpenSource, Proof, SourceDriver } from '../sources/driver.ts';
import { reading } from '../sources/io-errors.ts';
import { dropPartial } from '../tiers/partial.ts';
import { copySmall } from './copy-small.ts';
import { assertWanted, type CopyHooks } from './each-block.ts';
import type { CopyOrder, FarmCopied } from './messages.ts';
import { areSpotsSame } from './same-spots.ts';
import { ScatteredFile } from './scattered-file.ts';
import { CrcOfChunks, type ScatteredSums, SumsInOrder } from './scattered-sums.ts';
import { sourceReader } from './source-reader.ts';

/** Number of spots compared with the own source before a copy with the help of others is published. */
const spots = 32;
/** Minimum interval between signs of life, ms. */
const signOfLifeMs = 1000;

/**
 * Copies with the help of the other hosts: each chunk comes from one that has it, or from the source, which the farm reads once. The
 * others' bytes are compared with spots of the own source; if they differ, the copy is discarded.
 * @param open null = the source is away
 * @returns null when the source is to be read without the farm
 */
export async function copyWithFarm(
  { open, driver }: { open: OpenSource; driver: SourceDriver } | { open: null; driver: null },
  order: CopyOrder & { farm: FarmOrder },
  hooks: CopyHooks,
): Promise<FarmCopied | null> {
  const { farm, source, temp } = order;
  const { size } = source.fingerprint;
  const isSmall = size > 0 && size <= farm.small;
  if (size < leastShared && !isSmall) return null;
  const link = await linkOf(farm, open);
  if (link === null) return null;
  const published = driver && (await driver.published(source.path).catch(() => null))?.sha256;
  // Former content is proven by its hash.
  const isProven = Boolean(published) || farm.away !== null;
  if (!isProven && (farm.trust === 'published' || (farm.trust === 'twice' && isSmall))) return null;
  const id = open
    ? await contentIdOf(open, { published: published ?? null, object: open.object?.version ?? null })
    : farm.away?.content;
  if (id === undefined) throw new Error('a source that is away has no name in the farm');
  if (isSmall) return copySmall({ open, id, published: published ?? null, small: link.small }, order, hooks);
  const content: SwarmContent = {
    id,
    chunks: Math.ceil(size / chunkSize),
    origin: open ? originOf(open) : 'away',
    slots: farm.slots,
    ...(farm.trust === 'twice' && !isProven && { twice: true }),
  };
  try {
    return await copied({ open, content, published: published ?? null, link }, order, hooks);
  } catch (error) {
    const { code, message } = toCacheError(error);
    if (open === null || (code !== 'CONFLICT' && code !== 'HASH_MISMATCH')) throw error;
    // The own source is authoritative.
    dropPartial(temp);
    await hooks.farm?.({ is: 'split', why: message });
    return null;
  }
}

/** The link to the farm; null without its key, which the user may have removed: the source is read then. */
async function linkOf({ place }: FarmOrder, open: OpenSource | null): Promise<FarmLink | null> {
  try {
    return await farmLink(place);
  } catch (error) {
    if (open === null) throw error;
    return null;
  }
}

interface Copying {
  open: OpenSource | null;
  content: SwarmContent;
  /** Its published SHA-256. */
  published: string | null;
  link: FarmLink;
}

async function copied(
  { open, content, published, link: { directory, peers } }: Copying,
  order: CopyOrder & { farm: FarmOrder },
  hooks: CopyHooks,
): Promise<FarmCopied> {
  const { source, temp, farm } = order;
  const { size } = source.fingerprint;
  const hashes = new Map<number, string>();
  let done = 0;
  // A slow giver may take a minute for a chunk, and a large file many to be taken over.
  const alive = throttle(signOfLifeMs, systemClock, () => hooks.progress(done));
  const sums = await sumsFor({ published, proof: open?.proof ?? null }, alive);
  const onChunk = (chunk: number, bytes: Buffer) => {
    hashes.set(chunk, createHash('sha256').update(bytes).digest('hex'));
    sums?.took(chunk, bytes);
    done += bytes.length;
    alive();
    assertWanted(hooks.signal);
  };
  const file = await ScatteredFile.open(temp, source, { open, onChunk });
  const resumedFrom = file.bytes;
  const origin = open && new SourceRuns(open, order);
  try {
    if (resumedFrom > 0) hooks.resuming(resumedFrom);
    await hooks.farm?.({ is: 'begun', content, temp, size, hashes });
    const fetched = await fetchContent({
      content,
      size,
      host: farm.place.host,
      directory,
      ...(farm.hosts && { known: farm.hosts }),
      peers,
      hashes,
      origin,
      originSpeed: farm.originSpeed,
      async keep(chunk, bytes, sha256) {
        // Like any copy, an awaited one is left in the page cache.
        const cached = hooks.urgent();
        await file.write(chunk, bytes, cached);
        sums?.took(chunk, bytes, file);
        await hooks.farm?.({ is: 'gained', chunk, sha256, cached: cached || !file.writesUncached });
        done = file.bytes;
        hooks.progress(done);
      },
      onBytes: alive,
      turn: async (bytes, from) => {
        if (hooks.paced()) await hooks.ask(bytes, from);
      },
      priority: () => (hooks.urgent() ? 'wait' : farm.priority),
      note: (note) => void hooks.farm?.(note),
      signal: hooks.signal,
    });
    const { hash, chunks } = await file.digest();
    const sha256 = (await sums?.digest()) ?? null;
    const helped = resumedFrom + bytesOf(fetched.peers) > 0;
    if (helped && published && sha256 !== published)
      throw new CacheError('CONFLICT', 'what other hosts gave is not what was published');
    if (farm.away && hash !== farm.away.hash) throw new CacheError('CONFLICT', 'other hosts have other bytes under its name');
    if (open && helped && !(await areSpotsSame(open, spots, (into, at) => file.readAt(into, at)))) {
      throw new CacheError('CONFLICT', `what other hosts gave is not what ${open.path} has`);
    }
    return { hash, chunks, sha256, readMs: origin?.readMs ?? 0, resumedFrom, farm: { ...fetched, content } };
  } catch (error) {
    await file.interrupted().catch(() => {});
    throw error;
  } finally {
    await sums?.end();
    await file.close();
  }
}

/** The sums of a copy that has something to be compared with; null for others. */
async function sumsFor(
  { published, proof }: { published: string | null; proof: Proof | null },
  onChunk: () => void,
): Promise<ScatteredSums | null> {
  if (proof?.kind === 'crc64nvme' && !published) return new CrcOfChunks(proof);
  return proof || published ? SumsInOrder.of({ identity: published !== null, proof, onChunk }) : null;
}

/** Reads runs of the source in the way of a plain copy. */
class SourceRuns implements Origin {
  readonly #open: OpenSource;
  readonly #how: { shared: boolean; slow: boolean; spare: Uint8Array[] };
  /** Time spent reading, ms. */
  readMs = 0;

  constructor(open: OpenSource, how: { shared: boolean; slow: boolean }) {
    // Two runs may be read at once, and ending one must not end the reads of the other.
    const { endReads: _, ...source } = open;
    this.#open = source;
    this.#how = { shared: how.shared, slow: how.slow, spare: [] };
  }

  async *read({ from, to }: Parameters<Origin['read']>[0], { onBytes, signal }: Parameters<Origin['read']>[1]) {
    const { size } = this.#open.fingerprint;
    const end = Math.min(size, to * chunkSize);
    const reader = sourceReader({ file: this.#open, from: from * chunkSize, end, onBytes }, this.#how);
    try {
      let memory: Buffer | null = null;
      for (let chunk = from; chunk < to; chunk++) {
        const length = Math.min(end, (chunk + 1) * chunkSize) - chunk * chunkSize;
        for (let filled = 0; filled < length; ) {
          if (signal.aborted) return;
          // The previous chunk is stored, so its memory is free.
          const block = await reader.next(length - filled, Promise.resolve());
          if (block.length === length) yield { chunk, bytes: bufferOf(block) };
          else {
            memory ??= bufferOf(blockMemory(chunkSize));
            memory.set(block, filled);
            if (filled + block.length === length) yield { chunk, bytes: memory.subarray(0, length) };
          }
          filled += block.length;
        }
      }
    } finally {
      this.readMs += reader.readMs;
      await reader.close();
    }
  }
}

/** The name of an origin, the same on all hosts: a store, or a file system by its kind and size, regardless of its local path. */
function originOf({ object, path }: OpenSource): string {
  if (object) return `store-${digestOf(object.store)}`;
  const { type, blocks, bsize } = reading(() => statfsSync(path));
  return `volume-${digestOf(`${type} ${blocks * bsize}`)}`;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function bytesOf(peers: Record<string, number>): number {
  return Object.values(peers).reduce((sum, bytes) => sum + bytes, 0);
}
