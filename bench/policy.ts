/**
 * Speed of eviction's decisions, and with a directory of traces their quality.
 *
 *     npm run bench -- policy [DIRECTORY]
 *
 * A million reads of a thousand files, replayed with `heat`: goal 10 s. And the copies that leave chosen from ten thousand in a catalog,
 * by the daemon's own code: goal 2 ms. Times are processor time: other programs on the machine count for little. DIRECTORY as for `replay`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Catalog } from '../src/catalog/catalog.ts';
import { policies } from '../src/policy/policies.ts';
import { replay } from '../src/replay/replay.ts';
import { parseTrace } from '../src/replay/trace.ts';
import { systemClock } from '../src/runtime/clock.ts';
import type { Evictor } from '../src/space/evict.ts';
import { EvictionOrder } from '../src/space/eviction-order.ts';
import { leavingUnder } from '../src/space/make-room.ts';
import type { Tier } from '../src/tiers/tier.ts';

/** Write speed of copies, bytes per second. */
const ssdSpeed = 2e9;
const [reads, files, copies] = [1_000_000, 1000, 10_000];

/** Numbers from 0 to 1, the same at each run. */
let seed = 7;
function random(): number {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return seed / 0x7fffffff;
}

function seconds(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function madeTrace(): string {
  const sizes = Array.from({ length: files }, () => Math.round(2e8 + random() ** 3 * 14e9));
  const lines = Array.from({ length: reads }, (_, k) => {
    const file = Math.floor(files * random() ** 3);
    return `${k * 30},f${file},${sizes[file]},nas1g,r${k >> 2},${(k >> 2) * 120 - 60}`;
  });
  return ['ts,file,size,tier,run,submit_ts', ...lines].join('\n');
}

const text = madeTrace();
let trace = parseTrace('none', 'ts,file,size');
const parsing = seconds(() => (trace = parseTrace('made', text)));
for (const share of [0.1, 0.4]) {
  const capacity = share * trace.footprint;
  const replaying = seconds(() => replay(trace, { capacity, coldRatio: null, policy: policies.heat }));
  console.log(`a million reads, cache ${100 * share} % of ${files} files: ${(parsing + replaying).toFixed(1)} s`);
}

// A working set a little larger than the cache, loaded in turns: LRU drops each file just before it is wanted.
const [size, held] = [10e9, 10];
const turns = Array.from({ length: 60 * (held + 1) }, (_, k) => `${k * 1800},f${k % (held + 1)},${size},nas1g`);
const cycle = parseTrace('cycle', ['ts,file,size,tier', ...turns].join('\n'));
for (const name of ['heat', 'lru'] as const) {
  const { sourceSeconds, secondsSaved, writtenBytes } = replay(cycle, {
    capacity: held * size,
    coldRatio: null,
    policy: policies[name],
  });
  const [without, loading, writing] = [sourceSeconds, sourceSeconds - secondsSaved, writtenBytes / ssdSpeed].map((s) =>
    s.toFixed(0),
  );
  console.log(
    `${held + 1} files in turns, room for ${held}, ${name}: ${loading} s and ${writing} s of writing; without a cache ${without} s`,
  );
}

const directory = mkdtempSync(join(tmpdir(), 'autocached-bench-'));
const catalog = new Catalog(join(directory, 'catalog.db'), systemClock);
for (let k = 0; k < copies; k++) {
  const source = { size: 1000, mtimeNs: '1', ino: null };
  const rel = `loras/${k}.safetensors`;
  const { id } = catalog.entries.put({ path: `/models/${rel}`, root: '/models', rel, category: 'loras', fingerprint: source });
  for (const use of [random(), 1 + random()].slice(0, 1 + (k % 2)))
    catalog.entries.addUses(id, 1, k, Math.round(1e12 + use * 3e8));
  const path = `/cache/${rel}`;
  catalog.copies.adopt(
    { entryId: id, tier: 'ssd', path },
    { seal: { ...source, ino: String(k) }, hash: `xxh128c8:${k}`, sha256: null, source },
  );
}
const tier = { name: 'ssd', capacity: () => ({ free: 1e12 }), openFiles: async () => new Set() } as unknown as Tier;
const evictor = { mayBeOpenedAgain: () => false, isKeptByFarm: () => false, obstacle: () => null } as unknown as Evictor;
const policy = policies.heat({
  now: () => 1.001e12,
  secondsPerByte: () => 1e-8,
  pace: () => '',
  habits: () => catalog.entries.habits.get(),
});
const bound = { limit: 1000 * copies - 5000, floor: 0 };
const order = new EvictionOrder(catalog);
const deps = { catalog, evictor, order, policy: () => policy, bound: () => bound, outstanding: () => 0 };
const times: number[] = [];
for (let k = 0; k < 20; k++) {
  const before = process.cpuUsage();
  await leavingUnder(deps, tier, bound);
  const { user, system } = process.cpuUsage(before);
  times.push((user + system) / 1000);
}
const median = times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
console.log(`the copies that leave, chosen from ${copies}: ${median.toFixed(1)} ms`);
catalog[Symbol.dispose]();
rmSync(directory, { recursive: true });

if (process.argv[2] !== undefined) await import('./replay.ts');
