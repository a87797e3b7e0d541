import { expect, test } from 'vitest';
import { settlesIn } from '../../src/core/fingerprint.ts';

const now = 1_700_000_000_000;
const ns = (ms: number) => String(BigInt(Math.round(ms * 1000)) * 1000n);
const file = (mtimeMs: number, ctimeMs?: number) => ({
  ...{ size: 1, ino: null, mtimeNs: ns(mtimeMs) },
  ...(ctimeMs !== undefined && { ctimeNs: ns(ctimeMs) }),
});

test.each([
  ['of whole seconds, written just now', file(now, now), 2000],
  ['of whole seconds, written a second ago', file(now - 1000), 1000],
  ['of whole seconds, written two seconds ago', file(now - 2000, now - 2000), 0],
  ['of whole seconds, and moved here just now', file(now - 60_000, now), 2000],
  ['with a finer clock, written just now', file(now - 0.5, now - 0.5), 20],
  ['with a finer clock, written before', file(now - 20.5, now - 20.5), 0],
  ['with a finer clock, whose mtime was set to a whole second long ago', file(now - 60_000, now - 0.5), 0],
  ['of whole seconds, by a server whose clock is ahead', file(now + 60_000), 2000],
])('a file %s', (_name, fingerprint, ms) => {
  expect(settlesIn(fingerprint, now)).toBeCloseTo(ms, -1);
});
