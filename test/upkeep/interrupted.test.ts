import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { partialPath } from '../../src/tiers/partial.ts';
import { copyOrder } from '../helpers/orders.ts';
import { createRig } from '../helpers/rig.ts';
import { nothing, restart } from './arrange.ts';

const size = 5 * chunkSize;
/** Where it is interrupted. */
const kept = 4 * chunkSize;

/** A copy that was cancelled after its first checkpoint. */
async function interrupted(options: Parameters<typeof createRig>[0] = {}) {
  const rig = createRig(options);
  const { path, bytes } = rig.source('checkpoints/a.safetensors', size);
  const job = rig.request(path);
  rig.events.subscribe(
    (name) => name === 'job-progress' && job.state === 'running' && job.bytesDone > 3 * chunkSize && rig.copier.cancel(job.id),
  );
  await job.ended;
  return { rig, path, bytes, job, temp: partialPath(rig.tier.partialDir, path) };
}

/** The same, as a crash leaves it: made by hand, so that no timing is in it. */
async function left() {
  const { quiet } = await import('../helpers/hooks.ts');
  const { runCopyJob } = await import('../../src/transfer/run-copy-job.ts');
  const rig = createRig();
  const { path, bytes } = rig.source('checkpoints/a.safetensors', size);
  const file = rig.file(path);
  const temp = partialPath(rig.tier.partialDir, path);
  const abort = new AbortController();
  const order = copyOrder({ id: 1, source: file, temp, ...rig.tier.placeOf(file.root, file.rel) });
  const progress = (done: number) => done >= kept && abort.abort();
  await expect(runCopyJob(order, { ...quiet(), progress, signal: abort.signal })).rejects.toThrow('cancelled');
  expect(readdirSync(rig.tier.partialDir)).toHaveLength(2);
  return { rig, path, bytes, temp };
}

describe('what an interrupted copy left', () => {
  test('is kept over a restart, counted, and gone on with', { tags: 'slow' }, async () => {
    const { rig, path, bytes } = await left();
    const { next, report } = await restart(rig);
    expect(report).toEqual({ ...nothing, resumable: 1 });
    expect(next.catalog.placements.usedBytes('ssd')).toBe(kept);
    const job = next.request(path);
    await job.ended;
    expect(job).toMatchObject({ state: 'done', resumedFrom: kept });
    expect(readFileSync(next.tier.placeOf(next.root, 'checkpoints/a.safetensors').path).equals(bytes)).toBe(true);
    expect(next.catalog.placements.usedBytes('ssd')).toBe(size);
    expect(next.catalog.copies.inState('copying')).toEqual([]);
  });

  test('takes part of the space that its copy needs, not space beside it', { tags: 'slow' }, async () => {
    const { rig, path } = await left();
    const { next } = await restart(rig);
    next.bound.limit = size;
    const job = next.request(path);
    await job.ended;
    expect(job.state).toBe('done');
  });

  test('leaves before any copy when another source needs the space', { tags: 'slow' }, async () => {
    const { rig, temp } = await left();
    const { next } = await restart(rig);
    const { path: ready } = next.source('loras/ready.safetensors', 1000);
    await next.copy(ready);
    next.bound.limit = size;
    const job = await next.copy(next.source('checkpoints/b.safetensors', 4 * chunkSize).path);
    expect(job.state).toBe('done');
    expect(existsSync(temp)).toBe(false);
    expect(readdirSync(next.tier.partialDir)).toEqual([]);
    expect(next.catalog.copies.inState('ready')).toHaveLength(2);
    expect(next.catalog.placements.usedBytes('ssd')).toBe(4 * chunkSize + 1000);
  });

  test.each<[string, (at: { path: string; temp: string; rig: ReturnType<typeof createRig> }) => void]>([
    ['its journal is not whole', ({ temp }) => writeFileSync(`${temp}.journal`, '{"version":1')],
    ['it is empty', ({ temp }) => writeFileSync(temp, '')],
    [
      'its source is known to have changed',
      ({ rig, path }) => {
        utimesSync(path, 1, 1);
        rig.catalog.entries.put(rig.file(path));
      },
    ],
    [
      'nobody went on with it for a week',
      ({ temp }) => utimesSync(`${temp}.journal`, Date.now() / 1000, Date.now() / 1000 - 8 * 86_400),
    ],
  ])('goes when %s', async (_when, change) => {
    const arranged = await left();
    change(arranged);
    const { next, report } = await restart(arranged.rig);
    expect(report).toEqual({ ...nothing, temps: 2 });
    expect(readdirSync(next.tier.partialDir)).toEqual([]);
    expect(next.catalog.placements.usedBytes('ssd')).toBe(0);
  });

  test('of a job of this daemon keeps its part of the reservation', { tags: 'slow' }, async () => {
    const { rig, path, job } = await interrupted({ rates: { overall: 30e6, by: {} } });
    expect(job.state).toBe('cancelled');
    const used = rig.catalog.placements.usedBytes('ssd');
    expect(used).toBeGreaterThanOrEqual(3 * chunkSize);
    expect(used).toBeLessThan(size);
    const again = rig.request(path);
    await again.ended;
    expect(again).toMatchObject({ state: 'done', resumedFrom: used });
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(size);
  });
});
