import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { chunkSize } from '../codec/chunk-hash.ts';
import { CacheError } from '../core/errors.ts';
import type { FarmOrder } from '../farm/farm-order.ts';
import type { SmallFiles } from '../farm/small-files.ts';
import type { OpenSource } from '../sources/driver.ts';
import { copyBytes } from './copy-bytes.ts';
import { assertWanted, type CopyHooks } from './each-block.ts';
import type { CopyOrder, FarmCopied } from './messages.ts';
import { areSpotsSame } from './same-spots.ts';

/** Number of spots compared with the own source before bytes from the Redis are used. */
const spots = 8;
/** Interval between checks of the host that reads the file for all, ms. */
const lookMs = 150;
/** The name of the Redis in reports on the givers of a copy's bytes. */
const giver = 'Redis';

interface SmallSource {
  /** The open source; null = it is away. */
  open: OpenSource | null;
  /** The content's name in the farm. */
  id: string;
  /** Its published SHA-256. */
  published: string | null;
  small: SmallFiles;
}

/**
 * Copies a small file through the farm's Redis: the first host reads its origin and stores it there, the others take it from there.
 * @returns null when the source is to be read without the farm
 * @throws CacheError SOURCE_AWAY when the source is away and the Redis has nothing of it
 */
export async function copySmall(
  from: SmallSource,
  order: CopyOrder & { farm: FarmOrder },
  hooks: CopyHooks,
): Promise<FarmCopied | null> {
  const { open, small, id } = from;
  try {
    const { bytes, isMine } = await taken(from, order.source.fingerprint.size, hooks);
    if (bytes) {
      const copied = await copyTaken(bytes, from, order, hooks);
      if (copied !== null || !open) return copied;
    }
    if (!open) throw new CacheError('SOURCE_AWAY', 'the source is away, and the Redis of the farm does not have it');
    return await readForAll({ ...from, open }, order, hooks).finally(() => isMine && small.release(id).catch(() => {}));
  } catch (error) {
    // Without an answer of the Redis, the source is read directly.
    if (!open || error instanceof CacheError) throw error;
    return null;
  }
}

/** The bytes in the Redis; waits while another host reads the file. */
async function taken(
  { open, id, small }: SmallSource,
  size: number,
  { signal }: CopyHooks,
): Promise<{ bytes: Buffer | null; isMine: boolean }> {
  for (;;) {
    assertWanted(signal);
    const bytes = await small.take(id);
    if (bytes?.length === size) return { bytes, isMine: false };
    if (!open) return { bytes: null, isMine: false };
    if (await small.claim(id)) return { bytes: null, isMine: true };
    await sleep(lookMs);
  }
}

/** @returns null when the bytes differ from the own source */
async function copyTaken(
  bytes: Buffer,
  { open, id, published }: SmallSource,
  order: CopyOrder & { farm: FarmOrder },
  hooks: CopyHooks,
): Promise<FarmCopied | null> {
  const { source, farm } = order;
  const isPublished = published === null || createHash('sha256').update(bytes).digest('hex') === published;
  if (!isPublished || (open && !(await areSpotsSame(open, spots, (into, at) => bytes.copy(into, 0, at))))) {
    await hooks.farm?.({ is: 'split', why: `what the Redis of the farm has is not what ${source.path} has` });
    return null;
  }
  const copied = await copyBytes(memorySource(bytes, order, open), order, hooks);
  if (farm.away && copied.hash !== farm.away.hash) {
    throw new CacheError('CONFLICT', 'the Redis of the farm has other bytes under its name');
  }
  await hooks.farm?.({ is: 'bytes', from: 'peer', bytes: bytes.length });
  return { ...copied, readMs: 0, farm: reportOf(id, bytes.length, { originBytes: 0, peers: { [giver]: bytes.length } }) };
}

async function readForAll(
  { open, id, small }: SmallSource & { open: OpenSource },
  order: CopyOrder & { farm: FarmOrder },
  hooks: CopyHooks,
): Promise<FarmCopied> {
  const { size } = open.fingerprint;
  const bytes = Buffer.allocUnsafe(size);
  const copied = await copyBytes(recorded(open, bytes), order, hooks);
  await hooks.farm?.({ is: 'bytes', from: 'origin', bytes: size - copied.resumedFrom });
  if (copied.resumedFrom === 0) {
    // A source that changed while it was read is not shared.
    await open.assertUnchanged();
    await small.put(id, bytes, order.farm.small).catch(() => {});
  }
  return { ...copied, farm: reportOf(id, size, { originBytes: size - copied.resumedFrom, peers: {} }) };
}

function reportOf(id: string, size: number, from: { originBytes: number; peers: Record<string, number> }): FarmCopied['farm'] {
  return { ...from, content: { id, chunks: Math.ceil(size / chunkSize), origin: '', slots: 0 } };
}

/** A source whose bytes are in memory. */
function memorySource(bytes: Buffer, { source }: CopyOrder, open: OpenSource | null): OpenSource {
  return {
    path: source.path,
    fingerprint: source.fingerprint,
    traits: { network: false, readsInFlight: 1 },
    proof: open?.proof ?? null,
    read: async (into, position) => bytes.copy(into, 0, position),
    assertUnchanged: async () => {},
    close: async () => {},
  };
}

/** The source, whose read bytes are kept. */
function recorded({ fd: _, ...open }: OpenSource, bytes: Buffer): OpenSource {
  return {
    ...open,
    async read(into, position, onBytes) {
      const read = await open.read(into, position, onBytes);
      bytes.set(into.subarray(0, read), position);
      return read;
    },
  };
}
