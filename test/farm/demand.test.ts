import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { parseRedis } from '../../src/config/redis-servers.ts';
import { Forecast } from '../../src/core/demand.ts';
import { farmCountsOf } from '../../src/core/farm-wishes.ts';
import type { SourceFile } from '../../src/core/types.ts';
import { halfLifeMs, votesAt } from '../../src/core/votes.ts';
import { type Demanded, DemandTable } from '../../src/farm/demand-table.ts';
import { FarmDemand } from '../../src/farm/farm-demand.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { createLog } from '../../src/runtime/log.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { eventually, leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const log = createLog({ level: 'silent', form: 'json' });

function sourceAt(root: string, rel: string, more: Partial<SourceFile> = {}): SourceFile {
  const fingerprint = { size: 100, mtimeNs: '1700000000000000000', ino: null };
  return { path: `${root}/${rel}`, root, rel, category: rel.split('/')[0] ?? null, fingerprint, ...more };
}

function countsOf({ now, orders }: Demanded): Map<string, number> {
  return new Map([...orders].map(([name, order]) => [name, 2 ** (order - now)]));
}

/** Wishes of all hosts for this file, and for all files, as this host has heard. */
function heardBy(demand: FarmDemand, file: SourceFile): { wishes: number; all: number } | null {
  return farmCountsOf(demand.heard(), file, Date.now());
}

describe.skipIf(noRedis !== null)(`what the hosts of a farm want, in its Redis${leftOut}`, () => {
  async function tableIn() {
    const server = await startRedis();
    const servers = parseRedis(server.url);
    if (!servers) throw new Error('no address');
    const link = new RedisLink({ servers, log, purpose: 'tests' });
    onTestFinished(() => link[Symbol.asyncDispose]());
    await expect.poll(() => link.state.state, eventually()).toBe('up');
    const farm = randomUUID();
    return { server, link, table: new DemandTable(link, farm), key: `ac:1:${farm}:{demand}:hot` };
  }

  test('adds up over hosts, and fades by half in four days', async () => {
    const { server, table, key } = await tableIn();
    const counts = async () => countsOf(await table.all());
    expect(await counts()).toEqual(new Map());
    await table.wanted(['a', 'b']);
    await table.wanted(['a', 'a']);
    expect((await counts()).get('a')).toBeCloseTo(3, 3);
    expect((await counts()).get('b')).toBeCloseTo(1, 3);
    await server.cli('zincrby', key, '-1', 'a');
    expect((await counts()).get('a')).toBeCloseTo(1.5, 3);
    await table.wanted(['a']);
    expect((await counts()).get('a')).toBeCloseTo(2.5, 3);
  });

  test('is kept for a month after the last wish, and for the 10,000 files that are wanted most', async () => {
    const { server, table, key } = await tableIn();
    await table.wanted(['wanted', 'wanted']);
    const many = Array.from({ length: 10_000 }, (_, index) => `f${index}`);
    for (let at = 0; at < many.length; at += 1000) await table.wanted(many.slice(at, at + 1000));
    const counts = countsOf(await table.all());
    expect(counts.size).toBe(10_000);
    expect(counts.get('wanted')).toBeCloseTo(2, 2);
    const left = Number(await server.cli('pttl', key));
    expect(left / (24 * 3_600_000)).toBeGreaterThan(29);
    expect(left / (24 * 3_600_000)).toBeLessThanOrEqual(30);
  });

  test('is read without what none of the hosts can have written', async () => {
    const { server, table, key } = await tableIn();
    await table.wanted(['a']);
    await server.cli('zadd', key, 'inf', 'b');
    await server.cli('zadd', key, '1e9', 'c');
    expect([...countsOf(await table.all()).keys()]).toEqual(['a']);
    const many = Array.from({ length: 10_000 }, (_, index) => [`${index}`, `f${index}`]).flat();
    await server.cli('zadd', key, ...many);
    const counts = countsOf(await table.all());
    expect(counts.size).toBeLessThanOrEqual(10_000);
    expect(counts.get('a')).toBeCloseTo(1, 3);
  });

  test('comes to a host that starts; a file that was replaced is another one', async () => {
    const { table } = await tableIn();
    const demandOf = (others: number) => {
      const demand = new FarmDemand({ table, others: () => others, now: () => Date.now(), log });
      onTestFinished(() => demand[Symbol.asyncDispose]());
      demand.begin();
      return demand;
    };
    const [one, two] = [demandOf(1), demandOf(1)];
    const here = sourceAt('/mnt/nas/models', 'loras/a.safetensors');
    for (const host of [one, one, two]) host.wished(here);
    const counts = async () => [...countsOf(await table.all()).values()].map(Math.round);
    await expect.poll(counts, eventually()).toEqual([3]);
    const third = demandOf(2);
    const there = sourceAt('D:\\loras', 'a.safetensors', { category: 'loras' });
    await expect.poll(() => heardBy(third, there)?.wishes, eventually()).toBeCloseTo(3, 2);
    expect(heardBy(third, there)).toEqual({ wishes: expect.closeTo(3, 2), all: expect.closeTo(3, 2), others: 2 });
    expect(heardBy(third, { ...there, fingerprint: { ...there.fingerprint, size: 101 } })?.wishes).toBe(0);
    expect(heardBy(third, sourceAt('/mnt/nas/models', 'loras/b.safetensors'))?.wishes).toBe(0);
  });
});

describe('a host hears what all hosts want', () => {
  const minute = 60_000;
  const file = sourceAt('/nas', 'loras/a.safetensors');

  /** A host whose clock is two days ahead of that of the Redis, over a table in memory. */
  async function host() {
    vi.useFakeTimers();
    const told: string[] = [];
    const redis = { is: 'here' as 'here' | 'gone' | 'hung', asked: 0, wishes: 1 };
    const table = {
      async all(): Promise<Demanded> {
        redis.asked++;
        if (redis.is === 'gone') throw new Error('away');
        // As the link to Redis does: its deadline ends the wait.
        if (redis.is === 'hung')
          await new Promise((_, reject) => setTimeout(() => reject(new Error('no answer in time')), 2000));
        const now = (Date.now() - halfLifeMs / 2) / halfLifeMs;
        const orders = new Map(redis.wishes > 0 ? [[told[0] ?? '', now + Math.log2(redis.wishes)] as const] : []);
        return { now, orders };
      },
      wanted: async (files: readonly string[]) => void told.push(...files),
    };
    const demand = new FarmDemand({ table, others: () => 1, now: () => Date.now(), log });
    onTestFinished(async () => {
      vi.useRealTimers();
      await demand[Symbol.asyncDispose]();
    });
    demand.wished(file);
    demand.begin();
    await vi.advanceTimersByTimeAsync(0);
    const wishes = () => heardBy(demand, file)?.wishes;
    return { demand, redis, wishes, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
  }

  test('every ten minutes, by its own clock', async () => {
    const { redis, wishes, pass } = await host();
    expect(wishes()).toBeCloseTo(1, 6);
    redis.wishes = 4;
    await pass(9 * minute);
    expect(redis.asked).toBe(1);
    expect(wishes()).toBeCloseTo(1, 2);
    await pass(2 * minute);
    expect(redis.asked).toBe(2);
    expect(wishes()).toBeCloseTo(4, 2);
  });

  test.each(['gone', 'hung'] as const)(
    'and while the Redis is %s, the last counts fade, and are not used after a day',
    async (is) => {
      const { redis, wishes, pass } = await host();
      redis.is = is;
      await pass(23 * 60 * minute);
      expect(redis.asked).toBeGreaterThan(1);
      expect(redis.asked).toBeLessThanOrEqual(23 * 60);
      expect(wishes()).toBeCloseTo(2 ** (-23 / 96), 2);
      await pass(61 * minute);
      expect(wishes()).toBeUndefined();
      redis.is = 'here';
      await pass(2 * minute);
      expect(wishes()).toBeCloseTo(1, 2);
    },
  );

  test('and counts alone with an empty Redis; only then, and when a clock is set, do keys of the order become too high', async () => {
    const { demand, redis, wishes, pass } = await host();
    const era = () => demand.heard()?.era;
    const first = era();
    await pass(11 * minute);
    redis.wishes = 4;
    await pass(11 * minute);
    expect(era()).toBe(first);
    redis.wishes = 0;
    await pass(11 * minute);
    expect(wishes()).toBeUndefined();
    redis.wishes = 2;
    await pass(11 * minute);
    const refilled = era();
    expect(refilled).not.toBe(first);
    vi.setSystemTime(Date.now() + 60 * minute);
    redis.wishes = 1;
    await pass(11 * minute);
    expect(era()).not.toBe(refilled);
  });
});

test('a wish is told again when the Redis is back', async () => {
  const told: string[][] = [];
  let isAway = true;
  let failed = 0;
  const table = {
    all: async () => ({ now: 0, orders: new Map<string, number>() }),
    async wanted(files: readonly string[]) {
      if (isAway) {
        failed++;
        throw new Error('away');
      }
      told.push([...files]);
    },
  };
  await using demand = new FarmDemand({ table, others: () => 1, now: () => Date.now(), log });
  demand.wished(sourceAt('/nas', 'loras/a.safetensors'));
  await expect.poll(() => failed, eventually()).toBe(1);
  isAway = false;
  demand.wished(sourceAt('/nas', 'loras/b.safetensors'));
  await expect.poll(() => told.flat().length, eventually()).toBe(2);
});

describe('a source that is used here', () => {
  function catalogWith(wishes: number) {
    const clock = new ManualClock();
    const catalog = new Catalog(`${tempDir()}/catalog.db`, clock);
    onTestFinished(() => catalog[Symbol.dispose]());
    const wished: string[] = [];
    const order = Math.log2(wishes) + clock.now() / halfLifeMs;
    catalog.entries.farm = {
      heard: () => ({ of: () => order, all: order, others: 1, era: 0 }),
      wished: ({ rel }) => wished.push(rel),
    };
    const use = (rel: string) => {
      catalog.usage.used(sourceAt('/nas', rel));
      catalog.usage.flush();
      const entry = catalog.entries.byPath(`/nas/${rel}`);
      if (!entry) throw new Error('no entry');
      return entry;
    };
    const expectedOf = ({ demand }: ReturnType<typeof use>) => {
      const habits = catalog.entries.habits.get();
      if (!habits || !demand) throw new Error('nothing counted');
      return new Forecast(habits, clock.now()).of(demand);
    };
    return { clock, catalog, wished, use, expectedOf };
  }

  test('for the first time begins with what the other hosts have wanted it, once', () => {
    const { clock, catalog, use } = catalogWith(3);
    const first = use('loras/a.safetensors');
    expect(first.votes).toBeCloseTo(4, 9);
    expect(catalog.entries.toldWishesOf(first.id)).toBeCloseTo(3, 9);
    clock.advance(halfLifeMs);
    const again = use('loras/a.safetensors');
    expect(again.votes).toBeCloseTo(3, 6);
    expect(votesAt(again, clock.now())).toBeCloseTo(3, 6);
  });

  test('is expected sooner than one that nobody else wants', () => {
    const { catalog, use, expectedOf } = catalogWith(3);
    const wanted = use('loras/a.safetensors');
    catalog.entries.farm = null;
    const other = use('loras/b.safetensors');
    expect(catalog.entries.toldWishesOf(other.id)).toBeNull();
    expect(expectedOf(wanted)).toBeGreaterThan(3 * expectedOf(other));
  });

  test('is told to the others as often as it counts as a wish', () => {
    const { clock, wished, use } = catalogWith(0);
    use('loras/a.safetensors');
    clock.advance(60_000);
    use('loras/a.safetensors');
    expect(wished).toEqual(['loras/a.safetensors']);
    clock.advance(3_600_000);
    use('loras/a.safetensors');
    expect(wished).toHaveLength(2);
  });
});
