import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SharedDisk } from '../helpers/shared-disk.ts';

const MiB = 2 ** 20;
const nobody = () => 0;
const always = (share: number) => () => share;
/** Reads for so long of every second, as fast as it can. */
const bursts = (ms: number) => (at: number) => (at % 1000 < ms ? 1 : 0);

describe('a copy of 1 GiB takes hardly longer than alone', () => {
  test.each([
    ['nobody else reads', nobody, {}, 1.02],
    ['a program reads 5 MB/s without end', always(5 / 150), {}, 1.3],
    ['a program of the same user does', always(5 / 150), { seen: true }, 1.3],
    ['a program waits for another disk without end', always(0.5), { seen: true, waits: true, elsewhere: true }, 1.15],
    ['a program reads a sixth of what the disk can do without end', always(1 / 6), {}, 1.4],
    ['a program reads as fast as it can for a tenth of every second', bursts(100), {}, 1.4],
    ['a program was told to read the source, and does not', nobody, { told: 'once' }, 1.05],
    ['programs are told so ten times a second, and none does', nobody, { told: 100 }, 1.1],
    ['a program was told to read the source, and reads 5 MB/s', always(5 / 150), { told: 'once' }, 1.3],
  ] as const)('while %s', (_what, program, options, goal) => {
    using alone = new SharedDisk(nobody);
    using disk = new SharedDisk(program, options);
    const isCopied = ({ copied }: SharedDisk) => copied >= 1024 * MiB;
    const aloneMs = alone.until(() => isCopied(alone));
    expect(disk.until(() => isCopied(disk)) / aloneMs).toBeLessThanOrEqual(goal);
  });

  test('a copy of 240 MiB at 40 MiB/s takes 6 s and hardly more while programs read from its disk now and then', () => {
    using disk = new SharedDisk(bursts(150), { rate: 40 * MiB });
    expect(disk.until(() => disk.copied >= 240 * MiB)).toBeLessThanOrEqual(9000);
  });

  test.each([10, 20, 40, 80])('a copy bounded to %i MiB/s is not taken for all that its disk can do', (rate) => {
    using disk = new SharedDisk(always(1 / 6), { rate: rate * MiB });
    expect(disk.until(() => disk.copied >= 6 * rate * MiB)).toBeLessThanOrEqual(8000);
  });
});

describe('another program has its time and hardly more', () => {
  test.each([
    ['reads 400 MiB in sequence', 1, 400 * MiB, {}],
    ['faults pages of a map', 0.26, 96 * MiB, { beside: 0.12, waits: true }],
    ['faults pages of a map, and seldom gets one beside copies', 0.17, 96 * MiB, { beside: 0.05, waits: true, seen: true }],
    ['waits for the disk all the time, however few bytes that brings', 0.1, 40 * MiB, { beside: 0.07, waits: true }],
  ] as const)('when it %s', (_what, share, bytes, options) => {
    const startsAt = 2000;
    using disk = new SharedDisk((ms) => (ms >= startsAt ? share : 0), options);
    disk.until(() => disk.ms >= startsAt);
    const aloneMs = (bytes / (share * 150e6)) * 1000;
    const goal = bytes < 50 * MiB ? 1.3 : 1.1;
    expect(disk.until(() => disk.read >= bytes) / aloneMs).toBeLessThanOrEqual(goal);
  });

  test('when it was told to read a source, and begins half a second later', () => {
    const startsAt = 500;
    using disk = new SharedDisk((ms) => (ms >= startsAt ? 1 : 0), { told: 'once', waits: true, seen: true });
    const aloneMs = (400 * MiB) / 150e3;
    expect((disk.until(() => disk.read >= 400 * MiB) - startsAt) / aloneMs).toBeLessThanOrEqual(1.1);
  });

  test('and copies go on within a second after it has ended', () => {
    using disk = new SharedDisk((ms) => (ms < 5000 ? 1 : 0), { told: 'once' });
    disk.until(() => disk.ms >= 5000);
    expect(disk.givesWay).toBe(true);
    expect(disk.until(() => !disk.givesWay)).toBeLessThanOrEqual(1000);
  });
});

describe('a disk that is busy for more than a minute', () => {
  test('leaves copies a fifth of its time', () => {
    using disk = new SharedDisk(always(1));
    disk.until(() => disk.ms >= 60_000);
    expect(disk.stillMs).toBeGreaterThan(58_000);
    const before = disk.stillMs;
    disk.until(() => disk.ms >= 160_000);
    expect((disk.stillMs - before) / 100_000).toBeCloseTo(0.8, 1);
  });

  test('is theirs again within a second when the others have ended', () => {
    using disk = new SharedDisk((ms) => (ms < 90_000 ? 1 : 0));
    disk.until(() => disk.ms >= 90_000);
    disk.until(() => !disk.givesWay);
    expect(disk.ms - 90_000).toBeLessThanOrEqual(1000);
  });

  test('whatever others do, copies never wait longer than a minute and four fifths of the time after', () => {
    const burst = fc.record({
      ms: fc.integer({ min: 50, max: 20_000 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(burst, { minLength: 1, maxLength: 12 }), fc.boolean(), (pattern, isTold) => {
        const shares = pattern.flatMap(({ ms, share }) => new Array<number>(Math.ceil(ms / 50)).fill(share));
        const shareAt = (at: number) => shares[Math.floor(at / 50) % shares.length] ?? 0;
        using disk = new SharedDisk(shareAt, isTold ? { told: 500 } : {});
        disk.until(() => {
          expect(disk.stillMs).toBeLessThanOrEqual(61_000 + 0.8 * disk.ms);
          return disk.ms >= 300_000;
        });
        expect(disk.stillMs).toBeLessThanOrEqual(61_000 + 0.8 * (disk.ms - 60_000));
      }),
      { numRuns: 15 },
    );
  });
});
