import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Medium } from '../../src/core/types.ts';
import { createRig } from '../helpers/rig.ts';

test('a thread that copied ends when nothing is copied for a minute, and the next copy has one of its own', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const end = vi.spyOn(Worker.prototype, 'terminate');
  onTestFinished(() => end.mockRestore());
  const rig = createRig();
  await rig.copy(rig.source('loras/a.safetensors', 1000).path);
  await vi.advanceTimersByTimeAsync(59_000);
  await rig.copy(rig.source('loras/b.safetensors', 1000).path);
  await vi.advanceTimersByTimeAsync(59_000);
  expect(end).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2000);
  expect(end).toHaveBeenCalledTimes(1);
  await rig.copy(rig.source('loras/c.safetensors', 1000).path);
  expect(rig.catalog.copies.inState('ready')).toHaveLength(3);
});

test('background copies from hard disks share a thread; one from a fast disk has its own', async () => {
  let threads = 0;
  const count = () => {
    threads += 1;
  };
  process.on('worker', count);
  onTestFinished(() => void process.off('worker', count));
  const rig = createRig({ jobs: 4, perSource: { hdd: 2 } });
  let together = 0;
  rig.events.subscribe(() => {
    together = Math.max(together, rig.copier.counts().running);
  });
  const copyBoth = async (...media: Medium[]) => {
    together = 0;
    const paths = media.map((medium) => rig.source(`loras/${medium}-${++made}.safetensors`, 32 * 1024 * 1024).path);
    const jobs = paths.map((path, index) => rig.request(path, 'background', media[index]));
    await Promise.all(jobs.map(({ ended }) => ended));
    expect(jobs.map(({ state }) => state)).toEqual(['done', 'done']);
    expect(together).toBe(2);
  };
  let made = 0;
  await copyBoth('hdd', 'hdd');
  expect(threads).toBe(1);
  await copyBoth('hdd', 'ssd');
  expect(threads).toBe(2);
});
