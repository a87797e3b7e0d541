import { stat } from 'node:fs/promises';
import type { Fingerprint } from '../core/types.ts';
import { liesOnNetwork } from '../media/medium.ts';
import { meaningOf } from '../runtime/errnos.ts';
import type { SourceRoots } from './source-roots.ts';

/**
 * The fingerprint of a file that a result depends on. A file below a root is queried like in lookups, any other only on a local disk
 * (law 4).
 * @returns null when it is unknown
 */
export async function fingerprintOf(
  sources: Pick<SourceRoots, 'locate' | 'stat'>,
  path: string,
): Promise<Fingerprint | 'missing' | null> {
  const located = sources.locate(path);
  if (located) {
    const found = await sources.stat(located, 'loader');
    if (found.state === 'present') return found.fingerprint;
    return found.state === 'missing' ? 'missing' : null;
  }
  if (await liesOnNetwork(path)) return null;
  try {
    const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true });
    return { size: Number(size), mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), ino: String(ino) };
  } catch (error) {
    return meaningOf(error) === 'missing' ? 'missing' : null;
  }
}
