import { basename } from 'node:path/posix';
import type { WebRemote } from '../../../core/remote.ts';
import type { Proof } from '../../driver.ts';
import type { Meter } from '../../spending.ts';
import type { ObjectStore, StoredObject } from '../remote/object-store.ts';
import { orAbsent, RemoteFailure } from '../remote/remote-failure.ts';
import type { WholeFacts } from './ranged-answer.ts';
import { placeOf, WebClient } from './web-client.ts';
import { WebLocations } from './web-locations.ts';

/** The time of a file without one, ms: as in zip archives, the oldest that every file system can hold. */
export const unknownTime = Date.UTC(1980, 0, 1);

/** A remote of one file on a web server. Index pages are not read. */
export function webFile({ address, proxy, verify }: WebRemote, meter?: Meter): ObjectStore {
  const url = new URL(address);
  const key = decodeURIComponent(basename(url.pathname));
  const locations = new WebLocations(new WebClient({ configured: url, proxy, token: null, meter }));
  const look = async (signal: AbortSignal): Promise<StoredObject> => {
    const found = await locations.look(url, signal);
    const { size, modified, headers } = found;
    const proof = digestIn(headers['repr-digest'] ?? headers['digest'], placeOf(url), verify === 'strict');
    return { key, size, mtimeNs: timeOf(modified), version: versionOf(found, placeOf(url)), proof };
  };
  return {
    address: placeOf(url),
    look: (wanted, signal) =>
      orAbsent(async () => (wanted === key ? { is: 'object', object: await look(signal) } : { is: 'absent' })),
    list: async (folder, { signal = new AbortController().signal }) => ({
      objects: folder === '' ? [await look(signal)] : [],
      folders: [],
      next: null,
    }),
    read: async ({ size, version }, range, signal) => {
      const modified = version.startsWith(modifiedMark) ? version.slice(modifiedMark.length) : null;
      const etag = modified === null ? version : null;
      return locations.read(url, { size, etag, modified, isOther: () => false }, range, signal);
    },
  };
}

const modifiedMark = 'modified ';

function versionOf({ etag, modified }: WholeFacts, where: string): string {
  if (etag !== null) return etag;
  if (modified !== null) return modifiedMark + modified;
  throw new RemoteFailure('unfit', `${where} has neither an ETag nor a time: a change during a copy would not be seen`);
}

/** The time of a `Last-Modified`, ns. */
function timeOf(modified: string | null): bigint {
  const ms = modified === null ? Number.NaN : Date.parse(modified);
  return BigInt(Number.isFinite(ms) ? ms : unknownTime) * 1_000_000n;
}

/** `sha-256=:<base64>:` of RFC 9530, or `SHA-256=<base64>` of the older RFC 3230. */
function digestIn(header: string | string[] | undefined, from: string, binding: boolean): Proof | null {
  const [, base64] = /sha-256=:?([A-Za-z0-9+/]{43}=)/i.exec(String(header ?? '')) ?? [];
  return base64 === undefined ? null : { kind: 'sha256', value: Buffer.from(base64, 'base64').toString('hex'), from, binding };
}
