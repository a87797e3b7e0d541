import type { Catalog } from '../catalog/catalog.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { DeriveOrder, DeriveReport } from '../transfer/messages.ts';
import type { CopyRunner } from './copy-runner.ts';
import type { Job } from './job.ts';
import type { Variant } from './plan.ts';
import type { Reservations } from './reservations.ts';

interface Deps {
  catalog: Catalog;
  tiers: Tiers;
  tier: Tier;
  reservations: Reservations;
  runner: CopyRunner;
  isStopping(): boolean;
}

/**
 * Makes a variant from its reservation to its row; a former one stays until then. After a failure the order stays until it is
 * given up.
 * @throws CacheError as the worker, and when there is no room for it, or no copy to make it of
 */
export async function deriveVariant(job: Job, variant: Variant, deps: Deps): Promise<void> {
  const { catalog, isStopping } = deps;
  await catalog.writable();
  try {
    const { bytes, ...facts } = await made(job, variant, deps);
    await catalog.write(() => catalog.variants.finish(variant.path, { bytes, facts }));
    job.bytesDone = job.file.fingerprint.size;
  } catch (error) {
    if (!isStopping()) await catalog.write(() => catalog.variants.release(variant.path));
    throw error;
  }
}

/** Reserves the foreseen size first; a variant that keeps more layers unchanged needs more. */
async function made(job: Job, variant: Variant, { tier, reservations, runner, ...deps }: Deps): Promise<DeriveReport> {
  const { expected, most, ...what } = variant;
  const attempt = async (bytes: number) => {
    await reservations.forVariant(job, tier, { path: what.path, bytes });
    return runner.derive(job, tier, { ...what, ...originOf(job, deps) });
  };
  try {
    return await attempt(expected);
  } catch (error) {
    if (toCacheError(error).code !== 'NO_SPACE' || job.stopped || job.reserved !== expected || most <= expected) throw error;
    job.bytesDone = 0;
    return await attempt(most);
  }
}

/** A plain copy, or the source itself where it lies on a disk as fast. @throws CacheError NO_COPY */
function originOf(
  { file, isOnFastDisk }: Job,
  { catalog, tiers }: Pick<Deps, 'catalog' | 'tiers'>,
): Pick<DeriveOrder, 'origin' | 'sha256'> {
  const entry = catalog.entries.byPath(file.path);
  const ready = entry ? catalog.copies.readyOf(entry.id).filter(({ form }) => form === 'plain') : [];
  const copy = tiers.soundCopy(ready, file.fingerprint);
  if (copy?.seal) {
    return { origin: { path: copy.path, seal: copy.seal }, sha256: copy.sha256 };
  }
  if (isOnFastDisk) return { origin: { path: file.path, seal: null }, sha256: null };
  throw new CacheError('NO_COPY', `${file.path} has no copy on the SSD to make a variant of`, {
    hint: 'autocached warm makes one, where the limit of the cache has room for it',
  });
}
