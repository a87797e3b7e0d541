import { CacheError } from '../core/errors.ts';
import type { StoreOrigin } from '../core/remote.ts';
import { driverFor } from '../sources/driver-for.ts';
import { asWriteError } from '../sources/io-errors.ts';
import { dropPartial } from '../tiers/partial.ts';
import { publish } from '../tiers/publish.ts';
import { touch } from '../tiers/touch-shell.ts';
import { CopyHashes } from './copy-hashes.ts';
import { type CopyHooks, eachBlock } from './each-block.ts';
import type { CopyOrder, CopyReport } from './messages.ts';
import { PartialFile } from './partial-file.ts';
import { assertReadsBack } from './read-back.ts';
import { sourceReader } from './source-reader.ts';

/** A directory that does not exist; the driver never touches it. */
const nowhere = '/nowhere';

/**
 * Makes a copy of a source from the shared store, without touching the source. An interrupted copy begins anew.
 * @throws CacheError HASH_MISMATCH when the bytes do not match their name, SOURCE_* when the store does not give them, NO_SPACE,
 *   CACHE_IO or CANCELLED
 */
export async function copyFromStore(order: CopyOrder & { store: StoreOrigin }, hooks: CopyHooks): Promise<CopyReport> {
  const { source, temp, store, reread } = order;
  const { size, mtimeNs } = source.fingerprint;
  const path = `${nowhere}/${store.key}`;
  try {
    const driver = await driverFor({ root: nowhere, remote: store.at, network: true });
    const found = await driver.stat(path);
    if (found.is !== 'file') throw new CacheError('SOURCE_MISSING', 'the content is no longer in the shared store');
    if (found.size !== size) throw new CacheError('HASH_MISMATCH', 'the content in the shared store is of another size');
    const fingerprint = { size, mtimeNs: String(found.mtimeNs), ino: null };
    const open = await driver.open({ path, root: nowhere, rel: store.key, category: null, fingerprint });
    const endReads = () => open.endReads?.();
    hooks.signal.addEventListener('abort', endReads);
    try {
      const proof = { kind: 'sha256', value: store.sha256, from: 'the shared store', binding: true } as const;
      const hashes = await CopyHashes.create(true, proof);
      const file = PartialFile.create(temp, source);
      const reader = sourceReader({ file: open, from: 0, end: size }, { shared: false, slow: false });
      try {
        await eachBlock({ reader, hashes, from: 0, end: size, file }, hooks, () => file.checkpoint(hashes));
      } finally {
        await file.close().finally(() => reader.close());
      }
      const made = hashes.digest();
      if (reread) await assertReadsBack({ path: temp, form: 'plain', hash: made.hash }, hooks);
      await touch(temp, mtimeNs);
      const seal = await publish({ ...order, ...made, mtimeFrom: temp }).catch(asWriteError);
      const { hash, sha256 } = made;
      return {
        ...{ seal, hash, sha256, source: source.fingerprint, bytes: size, resumedFrom: 0 },
        ...{ fromStore: true, readMs: reader.readMs },
      };
    } finally {
      hooks.signal.removeEventListener('abort', endReads);
      await open.close();
    }
  } finally {
    dropPartial(temp);
  }
}
