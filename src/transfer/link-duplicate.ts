import { closeSync } from 'node:fs';
import type { OpenSource, SourceDriver } from '../sources/driver.ts';
import { asWriteError } from '../sources/io-errors.ts';
import { publishLink } from '../tiers/link.ts';
import type { Manifest } from '../tiers/manifest.ts';
import { comparer, looksAlike } from './compare-files.ts';
import { CopyHashes } from './copy-hashes.ts';
import { type CopyHooks, eachBlock } from './each-block.ts';
import type { DuplicateCopy, LinkOrder, LinkReport } from './messages.ts';
import { openOrigin } from './origin.ts';
import { sourceReader } from './source-reader.ts';

/**
 * Makes a copy without writing: a hard link to the copy of another source with the same bytes. Every byte of the source is read,
 * hashed, and compared with the twin's; the hash must equal the twin's as well. Null when no twin has the same bytes (if one
 * differs only at its end, the source was read in vain), or where hard links are not possible.
 * @throws CacheError as `runCopyJob` does when the source or the disk fails
 */
export async function linkDuplicate(order: LinkOrder, hooks: CopyHooks, driver: SourceDriver): Promise<LinkReport | null> {
  const open = await driver.open(order.source);
  const { fingerprint } = open;
  try {
    for (const twin of order.candidates) {
      const opened = openTwin(twin);
      if (!opened) continue;
      try {
        if (!(await looksAlike(open, opened.fd))) continue;
        const read = await compare({ source: open, twin: opened.fd }, order, hooks);
        if (read?.hash !== twin.hash) return null;
        await open.assertUnchanged();
        const { chunks, sha256 } = opened.proof;
        const source = { ...order.source, fingerprint };
        const proof = { version: 1 as const, source, hash: read.hash, chunks, sha256 };
        if (!(await publishLink({ ...order, copy: twin, proof }).catch(asWriteError))) return null;
        return {
          seal: twin.seal,
          hash: read.hash,
          sha256,
          source: fingerprint,
          bytes: fingerprint.size,
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
    await open.close();
  }
}

/** Null when the twin is gone or does not match its seal; its own readers report that. */
function openTwin(twin: DuplicateCopy): { fd: number; proof: Manifest } | null {
  try {
    return openOrigin({ ...twin, form: 'plain' });
  } catch {
    return null;
  }
}

class Differs extends Error {}

async function compare(
  { source, twin }: { source: OpenSource; twin: number },
  order: LinkOrder,
  hooks: CopyHooks,
): Promise<{ hash: string; readMs: number } | null> {
  const end = source.fingerprint.size;
  const hashes = await CopyHashes.create(false);
  const isSame = comparer(twin);
  const reader = sourceReader({ file: source, from: 0, end }, order);
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
