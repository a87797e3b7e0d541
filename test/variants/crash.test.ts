import { expect, test } from 'vitest';
import { killAtEveryStep } from '../full/kill-matrix.ts';
import { patience } from '../helpers/patience.ts';
import { killedWhileMaking } from './killed-while-making.ts';

/** Where the former one and the new one change places; the other steps are killed at in `test/full`. */
const atTheExchange = /^(ftruncateSync|renameSync .*\.part |row (INSERT OR REPLACE INTO variants|DELETE FROM variant_orders) )/;

test('killed while a stale variant is made anew, the daemon has the former one or the new one', {
  tags: 'slow',
  timeout: patience(60_000),
}, async () => {
  const live = (at: number) => killedWhileMaking('anew', at);
  const uncut = await killAtEveryStep('variant, anew', 20, live, (step) => atTheExchange.test(step));
  expect(uncut.steps.filter((step) => atTheExchange.test(step))).toHaveLength(4);
});
