import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Catalog } from '../../src/catalog/catalog.ts';
import type { Copy, Entry } from '../../src/core/types.ts';
import { policies } from '../../src/policy/policies.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { PromptQueue } from '../../src/replay/prompt-queue.ts';
import { replay } from '../../src/replay/replay.ts';
import { parseTrace, type Read } from '../../src/replay/trace.ts';
import { inOrder, TracedFarm } from '../../src/replay/traced-farm.ts';
import { chooseVictims } from '../../src/space/choose.ts';
import type { Evictor } from '../../src/space/evict.ts';
import { EvictionOrder } from '../../src/space/eviction-order.ts';
import { makeRoom, type RoomDeps } from '../../src/space/make-room.ts';
import type { Tier } from '../../src/tiers/tier.ts';
import { openCatalog, sourceFile } from '../helpers/catalog.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

/** Reads at least a second apart, some in bursts, some after days; some prompts wait in the queue for a while. */
const traces = fc
  .array(
    fc.record({
      file: fc.nat(9),
      after: fc.oneof(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1000, max: 500_000 })),
      waited: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2000 })),
    }),
    { minLength: 5, maxLength: 40 },
  )
  .map((reads) => {
    let at = 1000;
    const lines = reads.map(({ file, after, waited }, k) => {
      at += after;
      return `${at},f${file},${40 + 17 * file},${file % 3 === 0 ? 'nas10g' : 'hdd'},r${k >> 1},${at - waited}`;
    });
    return parseTrace('made', ['ts,file,size,tier,run,submit_ts', ...lines].join('\n'));
  });
const names = fc.constantFrom('heat', 'lru', 'lfu', 'adaptive');

/** Reads of three hosts that want much the same, minutes or hours apart. */
const farmTraces = fc
  .array(fc.record({ file: fc.nat(9), host: fc.nat(2), after: fc.oneof(fc.integer({ min: 1, max: 900 }), fc.nat(100_000)) }), {
    minLength: 20,
    maxLength: 60,
  })
  .map((reads) => {
    let at = 1000;
    const lines = reads.map(({ file, host, after }) => {
      at += after + 1;
      return `${at},f${file},${40 + 17 * file},${file % 3 === 0 ? 'nas10g' : 'hdd'},n${host}`;
    });
    return parseTrace('farm', ['ts,file,size,tier,node', ...lines].join('\n'));
  });

/** The daemon's catalog, its policies and the way it makes room, over a tier without files. */
function daemon(name: keyof typeof policies, limit: number, mayLeave: (path: string) => boolean = () => true) {
  const clock = new ManualClock();
  const { catalog } = openCatalog({ clock });
  const speeds = new Map<string, number>();
  const evicted: string[] = [];
  let queue = new PromptQueue([]);
  let inForce = name;
  const policy = (): Policy =>
    policies[inForce]({
      now: () => clock.now(),
      secondsPerByte: ({ path }) => speeds.get(path) ?? 0,
      habits: () => catalog.entries.habits.get(),
      farm: () => catalog.entries.farm?.heard() ?? null,
      expected: (path) => queue.expected(path.replace('/models/loras/', ''), clock.now()),
      expectedLater: (path) => queue.expectedLater(path.replace('/models/loras/', ''), clock.now()),
    });
  const tier = {
    name: 'ssd',
    state: () => 'here',
    capacity: () => ({ free: 1e12 }),
    openFiles: async () => new Set(),
    placeOf: (_root: string, rel: string) => ({ path: `/cache/${rel}` }),
  } as unknown as Tier;
  const evictor = {
    frees: ({ bytes }: Copy) => bytes,
    mayBeOpenedAgain: () => false,
    isKeptByFarm: () => false,
    obstacle: (_copy: Copy, { path }: Entry) => (mayLeave(path) ? null : 'leased'),
    async evict({ id, bytes }: Copy, { path }: Entry) {
      evicted.push(path);
      catalog.copies.forget(id);
      return { removed: true, freed: bytes };
    },
  } as unknown as Evictor;
  const order = new EvictionOrder(catalog);
  const deps: RoomDeps = { catalog, evictor, order, policy, bound: () => ({ limit, floor: 0 }), outstanding: () => 0 };
  const total = { hits: 0, writtenBytes: 0 };
  const read = async (one: Read) => {
    clock.setWall(one.at * 1000);
    queue.read(one);
    const file = sourceFile(`loras/${one.file}`, { fingerprint: { size: one.size, mtimeNs: '1', ino: null } });
    speeds.set(file.path, 1 / one.sourceSpeed - 1 / 2e9);
    const found = catalog.find(file.path)?.ready.length;
    catalog.usage.used(file);
    catalog.usage.flush();
    if (found) total.hits += 1;
    else total.writtenBytes += await copied(catalog, deps, tier, file);
  };
  const leavers = async (bytes: number) => {
    const { victims } = await chooseVictims(deps, tier, [{ bytes }], { entry: null, stuck: new Set() });
    return victims.map(({ entry }) => entry.path);
  };
  const switchTo = (other: keyof typeof policies) => (inForce = other);
  return { catalog, evicted, total, read, leavers, switchTo, follow: (of: PromptQueue) => (queue = of) };
}

/** Bytes of the copy; 0 when it was not made. */
async function copied(catalog: Catalog, deps: RoomDeps, tier: Tier, file: ReturnType<typeof sourceFile>): Promise<number> {
  const { fingerprint: source } = file;
  const copy = await makeRoom(deps, tier, { entry: catalog.entries.put(file), source }).catch((error: { code?: string }) => {
    if (error.code === 'TOO_LARGE' || error.code === 'NO_SPACE') return null;
    throw error;
  });
  if (!copy) return 0;
  const seal = { size: source.size, mtimeNs: '1', ino: String(copy.id) };
  catalog.copies.publish(copy.id, { seal, hash: `xxh128c8:${copy.id}`, sha256: null, source });
  return source.size;
}

test('daemon and simulator decide alike, whatever is read: the same hits, and the same bytes written', async () => {
  await fc.assert(
    fc.asyncProperty(traces, names, fc.integer({ min: 100, max: 600 }), async (trace, name, capacity) => {
      const [reads = []] = trace.hosts;
      const real = daemon(name, capacity);
      real.follow(new PromptQueue(trace.runs?.[0] ?? []));
      for (const read of reads) await real.read(read);
      const { hits, writtenBytes } = replay(trace, { capacity, coldRatio: null, policy: policies[name] });
      expect(real.total).toEqual({ hits, writtenBytes });
    }),
    { numRuns: 20 },
  );
});

test('in a farm too, where each host hears of the others only what they wanted until some minutes ago', async () => {
  let [heard, changed] = [0, 0];
  await fc.assert(
    fc.asyncProperty(farmTraces, fc.integer({ min: 100, max: 600 }), async (trace, capacity) => {
      const farm = new TracedFarm(trace.hosts.length);
      const hosts = trace.hosts.map(() => daemon('heat', capacity));
      if (hosts.length > 1) for (const { catalog } of hosts) catalog.entries.farm = farm;
      for (const { read, host } of inOrder(trace.hosts)) {
        farm.until(read.at, () => undefined);
        await hosts[host]?.read(read);
      }
      const { hits, writtenBytes } = replay(trace, { capacity, coldRatio: null, policy: policies.heat });
      expect(hosts.reduce((sum, { total }) => sum + total.hits, 0)).toBe(hits);
      expect(hosts.reduce((sum, { total }) => sum + total.writtenBytes, 0)).toBe(writtenBytes);
      const alone = trace.hosts.map((reads) =>
        replay({ ...trace, hosts: [reads], runs: [] }, { capacity, coldRatio: null, policy: policies.heat }),
      );
      heard += Number(farm.heard() !== null);
      changed += Number(alone.reduce((sum, one) => sum + one.writtenBytes, 0) !== writtenBytes);
    }),
    { numRuns: 20 },
  );
  expect(heard).toBeGreaterThan(10);
  expect(changed).toBeGreaterThan(1);
});

test('the limit holds after every read, and what is pinned or leased never leaves', async () => {
  await fc.assert(
    fc.asyncProperty(traces, names, fc.integer({ min: 100, max: 600 }), async (trace, name, capacity) => {
      const real = daemon(name, capacity, (path) => !/[258]$/.test(path));
      for (const read of trace.hosts[0] ?? []) {
        await real.read(read);
        expect(real.catalog.placements.usedUnderLimit('ssd')).toBeLessThanOrEqual(capacity);
      }
      expect(real.evicted.filter((path) => /[258]$/.test(path))).toEqual([]);
    }),
    { numRuns: 12 },
  );
});

test('policies are switched while the daemon runs, and none loses what it knows: the same copies leave as without the switches', async () => {
  await fc.assert(
    fc.asyncProperty(traces, fc.array(names, { minLength: 40, maxLength: 40 }), names, async (trace, others, name) => {
      const [steady, switching] = [daemon(name, 10_000), daemon(name, 10_000)];
      for (const [index, read] of (trace.hosts[0] ?? []).entries()) {
        await steady.read(read);
        switching.switchTo(others[index] ?? name);
        await switching.read(read);
        await switching.leavers(200);
      }
      switching.switchTo(name);
      for (const bytes of [1, 200, 500]) expect(await switching.leavers(bytes)).toEqual(await steady.leavers(bytes));
    }),
    { numRuns: 12 },
  );
});
