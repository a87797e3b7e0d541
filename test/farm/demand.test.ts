import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { parseRedis } from '../../src/config/redis-servers.ts';
import { Forecast } from '../../src/core/demand.ts';
import type { SourceFile } from '../../src/core/types.ts';
import { halfLifeMs, votesAt } from '../../src/core/votes.ts';
import { DemandTable } from '../../src/farm/demand-table.ts';
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
    expect(await table.all()).toEqual(new Map());
    await table.wanted(['a', 'b']);
    await table.wanted(['a', 'a']);
    const counts = await table.all();
    expect(counts.get('a')).toBeCloseTo(3, 3);
    expect(counts.get('b')).toBeCloseTo(1, 3);
    await server.cli('zincrby', key, '-1', 'a');
    expect((await table.all()).get('a')).toBeCloseTo(1.5, 3);
    await table.wanted(['a']);
    expect((await table.all()).get('a')).toBeCloseTo(2.5, 3);
  });

  test('is kept for a month after the last wish, and for the 10,000 files that are wanted most', async () => {
    const { server, table, key } = await tableIn();
    await table.wanted(['wanted', 'wanted']);
    const many = Array.from({ length: 10_000 }, (_, index) => `f${index}`);
    for (let at = 0; at < many.length; at += 1000) await table.wanted(many.slice(at, at + 1000));
    const counts = await table.all();
    expect(counts.size).toBe(10_000);
    expect(counts.get('wanted')).toBeCloseTo(2, 2);
    const left = Number(await server.cli('pttl', key));
    expect(left / (24 * 3_600_000)).toBeGreaterThan(29);
    expect(left / (24 * 3_600_000)).toBeLessThanOrEqual(30);
  });

  test('comes to a host that starts, and in the mean of the others; a file that was replaced is another one', async () => {
    const { table } = await tableIn();
    const demandOf = (others: number) => {
      const demand = new FarmDemand({ table, others: () => others, log });
      onTestFinished(() => demand[Symbol.asyncDispose]());
      demand.begin();
      return demand;
    };
    const [one, two] = [demandOf(1), demandOf(1)];
    const here = sourceAt('/mnt/nas/models', 'loras/a.safetensors');
    for (const host of [one, one, two]) host.wished(here);
    await expect.poll(async () => [...(await table.all()).values()].map(Math.round), eventually()).toEqual([3]);
    const third = demandOf(2);
    const there = sourceAt('D:\\loras', 'a.safetensors', { category: 'loras' });
    await expect.poll(() => third.of(there, 0), eventually()).toBeCloseTo(1.5, 2);
    expect(third.of({ ...there, fingerprint: { ...there.fingerprint, size: 101 } }, 0)).toBe(0);
    expect(third.of(sourceAt('/mnt/nas/models', 'loras/b.safetensors'), 0)).toBe(0);
    // The others have 1.5 wishes each.
    expect(third.of(there, 0.75)).toBeCloseTo(0.75, 2);
    expect(third.of(there, 2)).toBe(0);
  });
});

test('a wish is told again when the Redis is back', async () => {
  const told: string[][] = [];
  let isAway = true;
  let failed = 0;
  const table = {
    all: async () => new Map<string, number>(),
    async wanted(files: readonly string[]) {
      if (isAway) {
        failed++;
        throw new Error('away');
      }
      told.push([...files]);
    },
  };
  await using demand = new FarmDemand({ table, others: () => 1, log });
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
    catalog.entries.others = { of: () => wishes, wished: ({ rel }) => wished.push(rel) };
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
    expect(first.votes).toBe(4);
    expect(catalog.entries.toldWishesOf(first.id)).toBe(3);
    clock.advance(halfLifeMs);
    const again = use('loras/a.safetensors');
    expect(again.votes).toBeCloseTo(3, 6);
    expect(votesAt(again, clock.now())).toBeCloseTo(3, 6);
  });

  test('is expected sooner than one that nobody else wants', () => {
    const { catalog, use, expectedOf } = catalogWith(3);
    const wanted = use('loras/a.safetensors');
    catalog.entries.others = null;
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
