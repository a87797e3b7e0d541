import { describe, expect, test, vi } from 'vitest';
import { createLookupRig, type LookupRig, nextTurn, withCopy } from '../helpers/lookup-rig.ts';

const boom = () => {
  throw new Error('database disk image is malformed');
};

/** Every part that a lookup leans on, broken. */
const breakages: [string, (rig: LookupRig) => void][] = [
  ['the catalog cannot find entries', (rig) => void vi.spyOn(rig.catalog.entries, 'byPath').mockImplementation(boom)],
  ['the catalog cannot find copies', (rig) => void vi.spyOn(rig.catalog.copies, 'readyOf').mockImplementation(boom)],
  ['the catalog is closed', (rig) => void rig.catalog[Symbol.dispose]()],
  ['the roots throw', (rig) => void vi.mocked(rig.sources.locate).mockImplementation(boom)],
  ['the source cannot be asked', (rig) => void vi.mocked(rig.sources.stat).mockRejectedValue(new Error('EIO'))],
  ['the tier throws', (rig) => void vi.spyOn(rig.tier, 'check').mockImplementation(boom)],
  ['the leases throw', (rig) => void vi.spyOn(rig.leases, 'grant').mockImplementation(boom)],
  ['the statistics throw', (rig) => void vi.spyOn(rig.catalog.usage, 'used').mockImplementation(boom)],
];

describe('whatever breaks, the asker gets its own path, one line is logged, and nothing is thrown', () => {
  test.each(breakages)('%s', async (_what, breakIt) => {
    const { rig, path } = await withCopy();
    const error = vi.spyOn(rig.log, 'error');
    breakIt(rig);
    expect(await rig.ask(path)).toEqual({ path, tier: null, reason: 'ERROR', leaseMs: 0, entry: null, job: null });
    expect(error).toHaveBeenCalledTimes(1);
    expect(rig.stats.byReason.get('ERROR')).toBe(1);
    vi.restoreAllMocks();
  });

  test('the queue throws', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('loras/a.safetensors', 10);
    vi.mocked(rig.planner.request).mockImplementation(boom);
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'ERROR' });
  });

  test('and with a name only, the name as it was asked', async () => {
    const rig = createLookupRig();
    vi.mocked(rig.sources.candidates).mockImplementation(boom);
    expect(await rig.ask(undefined, { category: 'loras', name: 'a' })).toMatchObject({ path: 'a', reason: 'ERROR' });
  });
});

describe('what is left until after the answer cannot bring the daemon down', () => {
  test('an old copy that cannot be marked as such is logged, and still not served', async () => {
    const { rig, path } = await withCopy();
    rig.source('checkpoints/a.safetensors', 99);
    const error = vi.spyOn(rig.log, 'error');
    vi.spyOn(rig.catalog.copies, 'retire').mockImplementation(boom);
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'STALE' });
    await nextTurn();
    expect(error).toHaveBeenCalledTimes(1);
    vi.restoreAllMocks();
    await rig.copier.activeJob(path)?.ended;
  });

  test('a damaged copy that cannot be removed is logged', async () => {
    const { rig, path } = await withCopy();
    vi.spyOn(rig.tier, 'check').mockReturnValue('changed');
    const error = vi.spyOn(rig.log, 'error');
    vi.spyOn(rig.evictor, 'evict').mockImplementation(boom);
    expect((await rig.ask(path)).path).toBe(path);
    await nextTurn();
    expect(error).toHaveBeenCalledTimes(1);
    vi.restoreAllMocks();
    await rig.copier.activeJob(path)?.ended;
  });
});
