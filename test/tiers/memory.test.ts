import { freemem, totalmem } from 'node:os';
import { describe, expect, test } from 'vitest';
import { readMemory, withinContainer } from '../../src/tiers/memory.ts';

const machine = { total: 64e9, available: 40e9 };
const within = (files: Record<string, string>) => withinContainer(machine, (path) => files[path] ?? null);

describe('in a container', () => {
  test('with version 2 the smallest limit on the way up counts, and its file cache is available', () => {
    const files = {
      '/proc/self/cgroup': '0::/slice/unit\n',
      '/sys/fs/cgroup/slice/unit/memory.max': 'max\n',
      '/sys/fs/cgroup/slice/unit/memory.current': '3000000000\n',
      '/sys/fs/cgroup/slice/memory.max': '8000000000\n',
      '/sys/fs/cgroup/slice/memory.current': '7000000000\n',
      '/sys/fs/cgroup/slice/memory.stat': 'anon 1\nfile 5000000000\ninactive_file 1000000000\nactive_file 500000000\nshmem 1\n',
    };
    expect(within(files)).toEqual({ total: 8e9, available: 2.5e9 });
  });

  test('with version 1 as well, also where the path is the one outside of the container', () => {
    const files = {
      '/proc/self/cgroup': '12:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '4000000000\n',
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '3900000000\n',
      '/sys/fs/cgroup/memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 300000000\ntotal_active_file 0\n',
    };
    expect(within(files)).toEqual({ total: 4e9, available: 0.4e9 });
  });

  test('that is over its limit for a moment, nothing is available', () => {
    const files = {
      '/proc/self/cgroup': '0::/\n',
      '/sys/fs/cgroup/memory.max': '1000000000\n',
      '/sys/fs/cgroup/memory.current': '1000001000\n',
    };
    expect(within(files)).toEqual({ total: 1e9, available: 0 });
  });
});

test.each([
  ['no control groups', {}],
  ['no limit', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': 'max\n' }],
  [
    'a limit beyond the machine',
    {
      '/proc/self/cgroup': '4:memory:/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '1000\n',
    },
  ],
])('with %s it is the memory of the machine', (_what, files) => {
  expect(within(files)).toEqual(machine);
});

test('of this machine', async () => {
  const { total, available } = await readMemory();
  expect(total).toBeLessThanOrEqual(totalmem());
  expect(available).toBeGreaterThan(0);
  expect(available).toBeLessThanOrEqual(freemem() * 1.5);
});
