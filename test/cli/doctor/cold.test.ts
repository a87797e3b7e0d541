import { describe, expect, test } from 'vitest';
import { coldFindings } from '../../../src/cli/doctor/cold-checks.ts';

const gib = 1024 ** 3;

describe('compressing copies', () => {
  const cold = {
    isOn: false,
    saves: 720,
    restores: 40,
    written: 3 * gib,
    restoreSpeed: 460 * 1024 ** 2,
    measured: true,
    ratio: 1.43,
    change: 'cold' as const,
  };

  test('is recommended where it would have saved time, with what it costs', () => {
    expect(coldFindings({ loads: 60, cold })).toEqual([
      {
        check: 'cache',
        verdict: 'warn',
        says:
          'compressing (AUTOCACHE_COMPRESS=cold) would have saved you 12m last month: 40 loads wait for a restore (460 MiB a second, as measured here), ' +
          'your models shrink 1.43 times, and 3 GiB more are written to the SSD',
        todo: 'set AUTOCACHE_COMPRESS=cold and restart',
      },
    ]);
  });

  test('is advised against where it costs time', () => {
    const [finding] = coldFindings({ loads: 60, cold: { ...cold, isOn: true, saves: -180, change: 'off', measured: false } });
    expect(finding?.says).toMatch(/costs you 3m a month: .*460 MiB a second, as is usual/);
    expect(finding?.todo).toBe('set AUTOCACHE_COMPRESS=off and restart');
  });

  test('is not spoken of while it makes little difference, or after few loads', () => {
    expect(coldFindings({ loads: 60, cold: { ...cold, saves: 20, change: null } })).toEqual([]);
    expect(coldFindings({ loads: 49, cold })).toEqual([]);
    expect(coldFindings({ loads: 60, cold: null })).toEqual([]);
    expect(coldFindings({ loads: 60, cold: { ...cold, isOn: true, change: null } })).toMatchObject([{ verdict: 'ok' }]);
  });
});
