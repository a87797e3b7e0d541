import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test, vi } from 'vitest';
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
