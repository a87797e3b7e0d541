import { CacheError } from '../../../core/errors.ts';
import type { OpenSource } from '../../driver.ts';
import { type ObjectRead, readRange } from './read-range.ts';
import { inWords } from './remote-failure.ts';

/** Bytes of one request: larger ones are not faster, and each request costs the same. */
const usualPartBytes = 8 * 1024 * 1024;

interface Shown extends Pick<OpenSource, 'path' | 'fingerprint' | 'traits' | 'object'> {
  /** Whether the name still leads to this version. @throws RemoteFailure, CacheError */
  isSame(): Promise<boolean>;
}

interface Opening extends Omit<ObjectRead, 'signal'> {
  partBytes: number | undefined;
}

/** An object open for reading, always in the opened version. */
export function openObject({ partBytes = usualPartBytes, ...given }: Opening, { isSame, ...shown }: Shown): OpenSource {
  const { object, pace } = given;
  let end = new AbortController();
  return {
    ...shown,
    parts: { bytes: partBytes, atOnce: () => pace.limit },
    proof: object.proof,
    read: (into, position, onBytes = () => {}) =>
      inWords('read', async () => {
        const length = Math.min(into.length, Math.max(0, object.size - position));
        const onHeard = () => {
          given.onHeard();
          onBytes();
        };
        if (length > 0) await readRange({ ...given, onHeard, signal: end.signal }, into.subarray(0, length), position);
        return length;
      }),
    endReads() {
      end.abort();
      end = new AbortController();
    },
    assertUnchanged: () =>
      inWords('read', async () => {
        if (!(await isSame())) throw new CacheError('SOURCE_CHANGED', `${shown.path} changed while it was copied`);
      }),
    close: async () => end.abort(),
  };
}
