import { closeSync } from 'node:fs';
import { writing } from '../sources/io-errors.ts';
import { assertUnchanged, openSource } from '../sources/open-source.ts';
import { publishLink } from '../tiers/link.ts';
import type { Manifest } from '../tiers/manifest.ts';
import { sourceReader } from './block-readers.ts';
import { comparer, looksAlike } from './compare-files.ts';
import { openOrigin } from './copy-from-tier.ts';
import { CopyHashes } from './copy-hashes.ts';
import { type CopyHooks, eachBlock } from './each-block.ts';
import type { CopyOrder, DuplicateCopy, LinkReport } from './messages.ts';

/**
 * Makes a copy without writing one: a hard link of the copy of another source that has the same bytes. Every byte of the source is
 * read, hashed, and compared with the twin's own; the hash must come to the twin's as well. Null when no twin has the same bytes (for
 * one that differs at its very end the source has then been read for nothing), or where there are no hard links.
 * @throws CacheError as `runCopyJob` does when the source or the disk fails
 */
export async function linkDuplicate(order: CopyOrder, hooks: CopyHooks): Promise<LinkReport | null> {
  const { fd, before } = openSource(order.source);
  const source = { ...order.source, fingerprint: before };
  try {
    for (const twin of order.twins ?? []) {
      const opened = openTwin(twin);
      if (!opened) continue;
      try {
        if (!looksAlike(fd, opened.fd, before.size)) continue;
        const read = await compare({ source: fd, twin: opened.fd }, order, hooks);
        if (read?.hash !== twin.hash) return null;
        assertUnchanged(fd, before, source.path);
        const { chunks, sha256 } = opened.proof;
        const proof = { version: 1 as const, source, hash: read.hash, chunks, sha256 };
        if (!writing(() => publishLink({ ...order, copy: twin, proof }))) return null;
        return {
          seal: twin.seal,
          hash: read.hash,
          source: before,
          bytes: before.size,
          resumedFrom: 0,
          readMs: read.readMs,
          twin,
        };
      } finally {
        closeSync(opened.fd);
      }
    }
    return null;
  } finally {
    closeSync(fd);
  }
}

/** Null when it has left, or is not what was sealed: that is found out by who asks for it. */
function openTwin(twin: DuplicateCopy): { fd: number; proof: Manifest } | null {
  try {
    return openOrigin({ ...twin, compressed: false });
  } catch {
    return null;
  }
}

class Differs extends Error {}

async function compare(
  { source, twin }: { source: number; twin: number },
  order: CopyOrder,
  hooks: CopyHooks,
): Promise<{ hash: string; readMs: number } | null> {
  const { path, fingerprint } = order.source;
  const end = fingerprint.size;
  const hashes = await CopyHashes.create(false);
  const isSame = comparer(twin);
  const reader = sourceReader({ fd: source, path, from: 0, end }, order);
  const file = {
    write(bytes: Uint8Array, position: number) {
      if (!isSame(bytes, position)) throw new Differs();
    },
  };
  try {
    await eachBlock({ reader, hashes, from: 0, end, file }, hooks, async () => {});
    return { hash: hashes.digest().hash, readMs: reader.readMs };
  } catch (error) {
    if (error instanceof Differs) return null;
    throw error;
  } finally {
    await reader.close();
  }
}
