import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { parseRedis } from '../../src/config/redis-servers.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { createLog } from '../../src/runtime/log.ts';
import { CatalogLedger } from '../../src/shared/catalog-ledger.ts';
import { freshScore, type SharedLedger, scoreAfter } from '../../src/shared/ledger.ts';
import { RedisLedger } from '../../src/shared/redis-ledger.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { eventually, leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];

/** What every ledger of a shared store promises. */
const promises: Record<string, (ledger: SharedLedger) => Promise<void>> = {
  'holds the limit with what is there and what is on its way': async (ledger) => {
    expect(await ledger.reserve(a, 60, 100)).toBe('reserved');
    expect(await ledger.reserve(b, 50, 100)).toBe('full');
    expect(await ledger.totals()).toEqual({ files: 0, bytes: 0, reserved: 60 });
    await ledger.written(a, 60);
    expect(await ledger.totals()).toEqual({ files: 1, bytes: 60, reserved: 0 });
    expect(await ledger.reserve(b, 50, 100)).toBe('full');
    expect(await ledger.reserve(b, 40, 100)).toBe('reserved');
    expect(await ledger.reserve(a, 60, 100)).toBe('there');
  },
  'room that is given back can be had again': async (ledger) => {
    await ledger.reserve(a, 60, 100);
    await ledger.release(a);
    expect(await ledger.reserve(b, 100, 100)).toBe('reserved');
    await ledger.written(b, 100);
    await ledger.removed(b);
    expect(await ledger.has(b)).toBe(false);
    expect(await ledger.reserve(a, 100, 100)).toBe('reserved');
  },
  'tells the least wanted first, and remembers how wanted a content was that left': async (ledger) => {
    for (const sha256 of [a, b]) {
      await ledger.reserve(sha256, 10, 100);
      await ledger.written(sha256, 10);
    }
    await ledger.wanted(a);
    await ledger.wanted(a);
    await ledger.wanted(b);
    expect(await ledger.least()).toMatchObject({ sha256: b, bytes: 10 });
    await ledger.removed(b);
    expect(await ledger.least()).toMatchObject({ sha256: a });
    expect(await ledger.scoreOf(a)).toBeGreaterThan(await ledger.scoreOf(b));
    expect(await ledger.scoreOf(b)).toBeGreaterThan(0);
    expect(await ledger.scoreOf(c)).toBe(0);
  },
  'agrees with the bucket; what is not in it is forgotten with the second listing': async (ledger) => {
    await ledger.reserve(a, 10, 100);
    await ledger.written(a, 10);
    await ledger.agreeWith(new Map([[b, 20]]));
    expect(await ledger.has(a)).toBe(true);
    expect(await ledger.totals()).toMatchObject({ files: 2, bytes: 30 });
    await ledger.agreeWith(new Map([[b, 20]]));
    expect(await ledger.has(a)).toBe(false);
    expect(await ledger.totals()).toMatchObject({ files: 1, bytes: 20 });
  },
};

test('counts fade: a use now weighs more than one of last week, and two of last week as one now', () => {
  const [then, now] = [1e12, 1e12 + 7 * 24 * 3_600_000];
  expect(freshScore(now)).toBeGreaterThan(freshScore(then));
  expect(scoreAfter(freshScore(then), then)).toBeCloseTo(freshScore(now), 6);
  expect(scoreAfter(0, now)).toBeCloseTo(freshScore(now), 6);
});

describe('the ledger in the catalog', () => {
  test.each(Object.entries(promises))('%s', async (_, keeps) => {
    const clock = new ManualClock();
    const catalog = new Catalog(`${tempDir()}/catalog.db`, clock);
    onTestFinished(() => catalog[Symbol.dispose]());
    await keeps(new CatalogLedger(catalog, () => Date.now()));
  });
});

describe.skipIf(noRedis !== null)(`the ledger of a farm in Redis${leftOut}`, () => {
  async function linked() {
    const servers = parseRedis((await startRedis()).url);
    if (!servers) throw new Error('no address');
    const link = new RedisLink({ servers, log: createLog({ level: 'silent', form: 'json' }), purpose: 'tests' });
    onTestFinished(() => link[Symbol.asyncDispose]());
    await expect.poll(() => link.state.state, eventually()).toBe('up');
    const farm = randomUUID();
    return (host: string) => new RedisLedger(link, { farm, host, store: 's' });
  }

  test.each(Object.entries(promises))('%s', async (_, keeps) => keeps((await linked())('gpu1')));

  test('a content that one host writes is left to it, and counts for all', async () => {
    const ledgerOf = await linked();
    const [one, two] = [ledgerOf('gpu1'), ledgerOf('gpu2')];
    expect(await one.reserve(a, 60, 100)).toBe('reserved');
    expect(await two.reserve(a, 60, 100)).toBe('busy');
    await two.release(a);
    expect(await two.reserve(b, 60, 100)).toBe('full');
    await one.renew(a);
    await one.release(a);
    expect(await two.reserve(a, 60, 100)).toBe('reserved');
  });
});
