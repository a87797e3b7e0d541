import { describe, expect, test } from 'vitest';
import type { EventMap } from '../../src/api/event-map.ts';
import { createRig } from '../helpers/rig.ts';

const MiB = 2 ** 20;

type Rig = ReturnType<typeof createRig>;

/** Resolves with the first progress event that says this status. */
function told(rig: Rig, status: string): Promise<EventMap['job-progress']> {
  return new Promise((resolve) => {
    rig.events.subscribe((name, event) => {
      const job = event as EventMap['job-progress'];
      if (name === 'job-progress' && job.status === status) resolve(job);
    });
  });
}

describe('a copy that stands still does not say when it will be done', () => {
  test('while copying is paused, and events tell of it', async () => {
    const rig = createRig({ rates: { overall: 20 * MiB, by: {} } });
    const job = rig.request(rig.source('checkpoints/a.safetensors', 40 * MiB).path);
    await told(rig, 'limited');
    expect(job.view()).toMatchObject({ word: 'limited', etaMs: expect.any(Number), bytesPerSecond: expect.any(Number) });
    const paused = told(rig, 'paused');
    rig.copier.pause(true);
    expect(await paused).toMatchObject({ state: 'running', word: 'paused', etaMs: null, bytesPerSecond: 0 });
    expect(job.view().why).toContain('autocached jobs --resume');
    const next = rig.request(rig.source('checkpoints/b.safetensors', MiB).path);
    expect(next.view()).toMatchObject({ state: 'queued', status: 'paused', etaMs: null });
    rig.copier.cancel(job.id);
    rig.copier.cancel(next.id);
  });

  test('while a copy from the same disk that a program waits for goes first', async () => {
    const rig = createRig({ rates: { overall: 20 * MiB, by: {} } });
    const slow = rig.request(rig.source('checkpoints/a.safetensors', 40 * MiB).path);
    await told(rig, 'limited');
    const held = told(rig, 'held');
    const urgent = rig.request(rig.source('checkpoints/b.safetensors', 40 * MiB).path, 'wait');
    expect(await held).toMatchObject({ id: slow.id, word: 'held back', etaMs: null });
    for (const job of [slow, urgent]) rig.copier.cancel(job.id);
  });
});

test('a copy in the queue says what it is behind', async () => {
  const rig = createRig({ jobs: 1, rates: { overall: 20 * MiB, by: {} } });
  const first = rig.request(rig.source('checkpoints/a.safetensors', 40 * MiB).path);
  await told(rig, 'limited');
  const second = rig.request(rig.source('loras/b.safetensors', MiB).path);
  expect(second.view()).toMatchObject({ status: 'queued', word: 'queued', why: 'waits behind a.safetensors' });
  for (const job of [second, first]) rig.copier.cancel(job.id);
  await Promise.all([first.ended, second.ended]);
  expect(second.view()).toMatchObject({ status: 'cancelled', word: 'cancelled' });
});
