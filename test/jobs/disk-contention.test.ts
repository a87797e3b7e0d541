import { readdirSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DiskContention } from '../../src/jobs/disk-contention.ts';
import { type DiskReads, linuxCounters } from '../../src/media/disk-counters.ts';
import type { ReadingProgram } from '../../src/media/reading-programs.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const MiB = 2 ** 20;
const sampleMs = 200;

/** Two disks under a root each, and what reads from them. */
function arrange() {
  const clock = new ManualClock();
  const disks = new Map([
    ['sda', 0],
    ['sdb', 0],
  ]);
  const state = { own: 0, changes: 0, programs: [] as ReadingProgram[], waiting: [] as ReadingProgram[], busy: 1 };
  const foreign = new DiskContention({
    clock,
    diskOf: (root) => (root === '/a' ? 'sda' : root === '/b' ? 'sdb' : null),
    onChange: () => {
      state.changes += 1;
    },
    counters: () => ({
      disks: new Map([...disks].map(([name, bytes]) => [name, { bytes, waitMs: 0, busyMs: state.busy * clock.monotonic() }])),
      own: state.own,
    }),
    programs: {
      next: () => state.programs,
      these: (pids) => [...pids].flatMap((pid) => state.waiting.filter((program) => program.pid === pid)),
    },
  });
  onTestFinished(() => foreign[Symbol.dispose]());
  /** Lets time pass in which `ours` and `others` read from a disk, MiB a second. */
  const pass = (ms: number, speeds: { disk: string; ours?: number; others?: number }[]) => {
    for (let at = 0; at < ms; at += sampleMs) {
      clock.advance(sampleMs);
      for (const { disk, ours = 0, others = 0 } of speeds) {
        disks.set(disk, (disks.get(disk) ?? 0) + ((ours + others) * MiB * sampleMs) / 1000);
        state.own += (ours * MiB * sampleMs) / 1000;
      }
      foreign.sample();
    }
  };
  foreign.watch(['/a', '/b']);
  foreign.sample();
  return { clock, foreign, state, pass, disks };
}

describe('a disk that copies come from', () => {
  test.each([5, 150, 3000])('is not read by others while only we read from it, with %i MiB a second', (ours) => {
    const { foreign, pass } = arrange();
    pass(20_000, [{ disk: 'sda', ours }]);
    expect(foreign.givesWay('/a')).toBe(false);
  });

  test.each([20, 75, 150])('is read by others within 1.4 s when somebody reads %i MiB a second beside us', (others) => {
    const { foreign, pass, state } = arrange();
    pass(5000, [{ disk: 'sda', ours: 150 }]);
    pass(1400, [{ disk: 'sda', ours: 75, others }]);
    expect(foreign.givesWay('/a')).toBe(true);
    expect(state.changes).toBe(1);
  });

  test('within 400 ms when somebody loads a model from a hard disk', () => {
    const { foreign, pass } = arrange();
    pass(400, [{ disk: 'sda', ours: 75, others: 75 }]);
    expect(foreign.givesWay('/a')).toBe(true);
  });

  test('by a program that was seen to wait for it, is so from then on, though its reads are held up before the disk', () => {
    const { foreign, pass, state } = arrange();
    state.busy = 0.16;
    pass(1000, [{ disk: 'sda', ours: 150 }]);
    const program = { pid: 4711, name: 'python3', bytes: 10 * MiB, waits: true };
    state.programs = [program];
    pass(200, [{ disk: 'sda', ours: 100, others: 50 }]);
    // All programs are looked at in turn, and those that may be the reason each time.
    state.programs = [];
    state.waiting = [program];
    for (let at = 0; at < 2000; at += sampleMs) {
      expect(foreign.givesWay('/a')).toBe(true);
      pass(sampleMs, [{ disk: 'sda', others: 140 }]);
    }
  });

  test('stays so while it is read, and is free a second after; another reader is noticed again', () => {
    const { foreign, pass, state } = arrange();
    pass(1000, [{ disk: 'sda', ours: 75, others: 75 }]);
    pass(30_000, [{ disk: 'sda', ours: 1, others: 140 }]);
    expect(foreign.givesWay('/a')).toBe(true);
    pass(800, [{ disk: 'sda', ours: 1 }]);
    expect(foreign.givesWay('/a')).toBe(true);
    pass(600, [{ disk: 'sda', ours: 1 }]);
    expect(foreign.givesWay('/a')).toBe(false);
    expect(state.changes).toBe(2);
    pass(1000, [{ disk: 'sda', ours: 75, others: 75 }]);
    expect(foreign.givesWay('/a')).toBe(true);
  });

  test('is not given way for the odd read of a quiet system', () => {
    const { foreign, pass } = arrange();
    for (let round = 0; round < 20; round += 1) {
      pass(200, [{ disk: 'sda', ours: 150, others: 5 }]);
      pass(1800, [{ disk: 'sda', ours: 150 }]);
    }
    expect(foreign.givesWay('/a')).toBe(false);
  });

  test('loses little to one who goes on reading a little: he gets on as well beside us', () => {
    const { foreign, pass } = arrange();
    let still = 0;
    for (let at = 0; at < 60_000; at += sampleMs) {
      const yielding = foreign.givesWay('/a');
      if (yielding) still += sampleMs;
      pass(sampleMs, [{ disk: 'sda', ours: yielding ? 1 : 100, others: 16 }]);
    }
    expect(still / 60_000).toBeLessThan(0.3);
  });

  test('does not stop copies from another disk', () => {
    const { foreign, pass } = arrange();
    pass(5000, [
      { disk: 'sda', ours: 40, others: 110 },
      { disk: 'sdb', ours: 50 },
    ]);
    expect([foreign.givesWay('/a'), foreign.givesWay('/b')]).toEqual([true, false]);
  });

  test('whose counter is told later than ours is no other one', () => {
    const { foreign, disks, state, clock } = arrange();
    for (let round = 0; round < 50; round += 1) {
      // What is under way is counted for us already, and for the disk a sample later.
      clock.advance(sampleMs);
      state.own += 30 * MiB;
      disks.set('sda', state.own - (round % 2) * 2 * MiB);
      foreign.sample();
    }
    expect(foreign.givesWay('/a')).toBe(false);
  });
});

describe('a disk that a program was told to read from', () => {
  test('is given way on at once, and no longer when the program is seen not to read', () => {
    const { foreign, pass, state } = arrange();
    foreign.expect('/a');
    expect([foreign.givesWay('/a'), foreign.givesWay('/b'), state.changes]).toEqual([true, false, 1]);
    pass(200, [{ disk: 'sda', ours: 1 }]);
    expect(foreign.givesWay('/a')).toBe(false);
  });

  test('is not given way on again and again for programs that do not read', () => {
    const { foreign, pass } = arrange();
    const looks = Array.from({ length: 40 }, () => {
      foreign.expect('/a');
      const looks = foreign.givesWay('/a');
      pass(200, [{ disk: 'sda', ours: 100 * Number(!looks) }]);
      return looks;
    });
    expect(looks.filter(Boolean).length).toBeLessThanOrEqual(3);
  });

  test('counts as read for as long as the program reads', () => {
    const { foreign, pass } = arrange();
    foreign.expect('/a');
    pass(10_000, [{ disk: 'sda', ours: 1, others: 20 }]);
    expect(foreign.givesWay('/a')).toBe(true);
    pass(1400, [{ disk: 'sda', ours: 1 }]);
    expect(foreign.givesWay('/a')).toBe(false);
  });

  test('is free where the system does not count: nobody would tell when it is quiet', () => {
    const foreign = new DiskContention({ clock: systemClock, diskOf: () => 'sda', onChange: () => {}, counters: () => null });
    onTestFinished(() => foreign[Symbol.dispose]());
    foreign.watch(['/a']);
    foreign.expect('/a');
    expect(foreign.givesWay('/a')).toBe(false);
  });
});

test('roots whose disk is not known, and systems that do not count, are never read by others', () => {
  const { foreign, pass } = arrange();
  pass(5000, [{ disk: 'sda', others: 500 }]);
  expect(foreign.givesWay('/elsewhere')).toBe(false);
  const dumb = new DiskContention({ clock: systemClock, diskOf: () => 'sda', onChange: () => {}, counters: () => null });
  dumb.watch(['/a']);
  dumb.sample();
  dumb.sample();
  expect(dumb.givesWay('/a')).toBe(false);
  dumb.watch([]);
});

test.runIf(process.platform === 'linux')('Linux counts for every disk, and for this process', () => {
  const { disks, own } = linuxCounters() ?? { disks: new Map<string, DiskReads>(), own: -1 };
  expect([...disks.keys()].sort()).toEqual(expect.arrayContaining(readdirSync('/sys/block')));
  expect([...disks.values()].every(({ bytes, waitMs }) => bytes >= 0 && waitMs >= 0)).toBe(true);
  expect(own).toBeGreaterThanOrEqual(0);
});

test('why copies give way is said: the disk, and the program that reads most as far as the system tells', () => {
  const { foreign, pass, state } = arrange();
  expect(foreign.why('/a')).toBeNull();
  pass(600, [{ disk: 'sda', ours: 75, others: 75 }]);
  expect(foreign.why('/a')).toBe('another program reads from the disk sda');
  const { changes } = state;
  state.programs = [
    { pid: 4711, name: 'python3', bytes: 15 * MiB, waits: true },
    { pid: 12, name: 'find', bytes: 1000, waits: true },
  ];
  pass(400, [{ disk: 'sda', others: 75 }]);
  expect(foreign.why('/a')).toBe('another program reads from the disk sda; python3 (4711) reads most at the moment');
  expect(foreign.why('/b')).toBeNull();
  expect(state.changes).toBe(changes + 1);
});
