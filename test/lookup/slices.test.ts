import { expect, test, vi } from 'vitest';
import type { LookupRequest } from '../../src/api/api.ts';
import type { CopyInProgress } from '../../src/lookup/collaborators.ts';
import { bounded } from '../../src/runtime/deadline.ts';
import { createLookupRig } from '../helpers/lookup-rig.ts';

/** A lookup over real folders whose copies never end by themselves. */
function createSlowLookup() {
  const rig = createLookupRig({ waitMaxMs: 600_000 });
  rig.sources.medium = 'nas';
  const { path } = rig.source('loras/a.safetensors', 4096);
  const done = Promise.withResolvers<void>();
  const job = {
    state: 'running' as CopyInProgress['state'],
    ended: done.promise,
    awaited: (ms: number) => bounded(done.promise, ms),
    view: () => ({ id: 1 }) as never,
  };
  vi.mocked(rig.planner.request).mockReturnValue(job);
  const { size, mtimeNs } = rig.file(path).fingerprint;
  const ask = (how: Partial<LookupRequest>) =>
    rig.lookup.answer({ path, size, mtimeNs, purpose: 'load', waitMs: 600_000, client: null, ...how });
  const finish = async () => {
    await rig.copy(path);
    job.state = 'done';
    done.resolve();
  };
  return { ask, finish, stats: rig.stats, catalog: rig.catalog, path };
}

test('who waits in slices hears after each of them how far the copy is, and counts once', async () => {
  const { ask, finish, stats, catalog, path } = createSlowLookup();
  for (let slice = 0; slice < 3; slice++) {
    expect(await ask({ sliceMs: 1 })).toMatchObject({ path, reason: 'WAIT_TIMEOUT', job: { id: 1 } });
  }
  expect(stats.lookups).toBe(0);
  const last = ask({ sliceMs: 600_000 });
  await finish();
  expect(await last).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd' });
  expect(stats.lookups).toBe(1);
  expect(stats.decisionsOn(path).map(({ reason }) => reason)).toEqual(['HIT_AFTER_WAIT']);
  expect(catalog.usage.daily()).toMatchObject([{ hits: 1, misses: 0 }]);
});

test('who gives up waiting is a miss, once', async () => {
  const { ask, stats, path } = createSlowLookup();
  await ask({ sliceMs: 1 });
  expect(await ask({ sliceMs: 1, waitMs: 0 })).toMatchObject({ path, reason: 'QUEUED' });
  expect(stats.decisionsOn(path).map(({ reason }) => reason)).toEqual(['QUEUED']);
});
