import { expect, test } from 'vitest';
import { killedWhileMaking } from '../variants/killed-while-making.ts';
import { killAtEveryStep } from './kill-matrix.ts';

test.each(['first', 'anew'] as const)(
  'killed at every step of making a variant (%s), the daemon has the former one or the new one',
  async (making) => {
    const uncut = await killAtEveryStep(`variant, ${making}`, 20, (at) => killedWhileMaking(making, at));
    expect(uncut.steps.filter((step) => /renameSync .*\.part /.test(step))).not.toEqual([]);
  },
);
