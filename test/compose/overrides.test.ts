import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { EventMap } from '../../src/api/event-map.ts';
import { CacheError } from '../../src/core/errors.ts';
import { CopyWorkers } from '../../src/jobs/workers.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Events } from '../../src/runtime/events.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { InlineWorkers } from '../helpers/inline-workers.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test('what a daemon did not finish copying, the next one copies without being asked', async () => {
  const stuck = new CopyWorkers(systemClock, {});
  const ended = Promise.withResolvers<never>();
  const run = vi.spyOn(stuck, 'run').mockReturnValue(ended.promise);
  const events = new Events();
  const done: string[] = [];
  const copied = new Promise<void>((resolve) => {
    events.subscribe((name, event) => {
      if (name !== 'job-done') return;
      done.push((event as EventMap['job-done']).path);
      resolve();
    });
  });
  const overrides = { events, workers: stuck };
  const daemon = await runDaemon({ 'loras/a.safetensors': 1000 }, {}, tempDir(), overrides);
  onTestFinished(() => ended.reject(new CacheError('CANCELLED', 'the test is over')));
  const path = join(daemon.root, 'loras/a.safetensors');
  const ask = () => daemon.client.lookup({ path, purpose: 'load', waitMs: 0, client: null });
  expect(await ask()).toMatchObject({ reason: 'QUEUED', path });
  await vi.waitFor(() => expect(run).toHaveBeenCalledOnce(), soon());
  expect(await ask()).toMatchObject({ reason: 'COPYING', path });

  overrides.workers = new InlineWorkers(systemClock, {});
  await daemon.restart();
  await copied;
  expect(done).toEqual([path]);
  const answer = await ask();
  expect(answer).toMatchObject({ reason: 'HIT', tier: 'ssd' });
  expect(existsSync(answer.path)).toBe(true);
});
