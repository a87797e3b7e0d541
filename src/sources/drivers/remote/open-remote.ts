import type { Remote } from '../../../core/remote.ts';
import type { SourceDriver } from '../../driver.ts';
import { type Meter, spending } from '../../spending.ts';
import type { ObjectStore } from './object-store.ts';
import { remoteDriver } from './remote-driver.ts';

/**
 * The driver of a remote.
 * @param root the directory of its placeholders
 * @throws CacheError BAD_CONFIG
 */
export async function openRemote(root: string, remote: Remote): Promise<SourceDriver> {
  const meter = spending.of(remote.name);
  return remoteDriver({ root, store: await storeOf(remote, meter), pattern: remote.list, meter });
}

/** The store of a remote; the SDK of S3 is loaded only for a bucket. */
async function storeOf(remote: Remote, meter: Meter): Promise<ObjectStore> {
  if (remote.driver === 'http') return (await import('../http/http-store.ts')).httpStore(remote, meter);
  const { S3Store } = await import('../s3/s3-store.ts');
  return new S3Store(remote, meter);
}
