import { expect, test } from 'vitest';
import type { JobView } from '../../src/api/api.ts';
import type { Throughput } from '../../src/api/dashboard.ts';
import { running } from '../cli/samples.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { createClient } from '../helpers/services.ts';

const progress = (id: number, bytesDone: number): JobView => ({ ...running, id, bytesDone });

test('the copied bytes of the last minutes are told by time, without those of a copy that had begun before', async () => {
  const clock = new ManualClock();
  const { get, events } = createClient({ clock });
  const read = async () => (await get('/api/jobs/throughput')).body as Throughput;
  expect((await read()).bytes).toEqual(new Array(60).fill(0));
  events.emit('job-progress', progress(1, 0));
  events.emit('job-progress', progress(1, 1000));
  // It goes on where an earlier run was stopped.
  events.emit('job-progress', progress(2, 50_000));
  events.emit('job-progress', progress(2, 50_500));
  expect((await read()).bytes.at(-1)).toBe(1500);
  clock.advance(5000);
  events.emit('job-progress', progress(1, 3000));
  events.emit('job-done', { ...progress(1, 4000), state: 'done' });
  events.emit('job-done', { ...progress(3, 9_000_000), state: 'done' });
  clock.advance(10_000);
  const { everyMs, bytes } = await read();
  expect(everyMs).toBe(5000);
  expect(bytes).toHaveLength(60);
  expect(bytes.slice(-4)).toEqual([1500, 3000, 0, 0]);
  clock.advance(3_600_000);
  expect((await read()).bytes).toEqual(new Array(60).fill(0));
});
