import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, test, vi } from 'vitest';
import { patience } from '../helpers/patience.ts';
import { createRig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;
const low = 10;

/** How many threads of this process have the low priority. */
function lowThreads(): number {
  return readdirSync('/proc/self/task').filter((task) => {
    const fields = readFileSync(`/proc/self/task/${task}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return Number(fields[16]) === low;
  }).length;
}

/** Where everything has a low priority, nothing can be told apart. */
const canTell = process.platform === 'linux' && getPriority() < low;

test.runIf(canTell)('a copy that nobody waits for has a low priority, one that somebody waits for has not', async () => {
  const rig = createRig({ jobs: 1, rates: { overall: 40e6, by: {} } });
  // The threads that read files for all of Node are made now, with the priority of who needs them first.
  await rig.request(rig.source('loras/first.safetensors', MiB).path, 'wait').ended;
  const before = lowThreads();
  const background = rig.request(rig.source('loras/a.safetensors', 20 * MiB).path);
  await vi.waitUntil(() => background.bytesDone > 0, { timeout: patience(20_000), interval: 5 });
  expect(lowThreads() - before).toBe(1);
  await background.ended;

  const urgent = rig.request(rig.source('loras/b.safetensors', 21 * MiB).path, 'wait');
  await vi.waitUntil(() => urgent.bytesDone > 0, { timeout: patience(20_000), interval: 5 });
  expect(urgent.state).toBe('running');
  await vi.waitUntil(() => lowThreads() === before, { timeout: patience(5000), interval: 5 });
  await urgent.ended;
  expect([background.state, urgent.state]).toEqual(['done', 'done']);
});
