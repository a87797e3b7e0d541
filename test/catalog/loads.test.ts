import { statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { Loads } from '../../src/catalog/loads.ts';
import { migrations } from '../../src/catalog/migrations.ts';
import type { Load } from '../../src/core/loads.ts';
import { Database } from '../../src/sqlite/database.ts';
import { openCatalog } from '../helpers/catalog.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { slowTests } from '../helpers/slow.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const dayMs = 24 * 3600 * 1000;
/** When a day begins. */
const start = 20_255 * dayMs;
const schema = { name: 'the catalog', migrations, withoutIt: 'it is rebuilt', openWaitMs: 2000 };

function load(part: Partial<Load> = {}): Load {
  return {
    at: start,
    path: '/models/loras/a.safetensors',
    category: 'loras',
    size: 1000,
    medium: 'hdd',
    sourceSpeed: 150e6,
    tier: null,
    reason: 'QUEUED',
    seconds: 1,
    prompt: 'p1',
    nodeClass: 'LoraLoader',
    ...part,
  };
}

function open(mostBytes?: number) {
  const clock = new ManualClock();
  clock.advance(start - clock.now());
  const { database } = Database.open(join(tempDir(), 'catalog.db'), schema);
  const loads = new Loads(database, clock, mostBytes);
  const write = () => {
    database.transaction(() => loads.write());
    loads.written();
  };
  return { clock, database, loads, write };
}

describe('every load is recorded', () => {
  test('behind the answer, with what is known of it', () => {
    const { catalog } = openCatalog();
    const writes = [vi.spyOn(Database.prototype, 'run'), vi.spyOn(Database.prototype, 'write')];
    catalog.loads.queued('p1', start + 5);
    catalog.loads.note(load({ at: start + 10 }));
    catalog.loads.note(load({ at: start + 20, path: '/models/b', tier: 'ssd', reason: 'HIT', prompt: null, nodeClass: null }));
    for (const write of writes) expect(write).not.toHaveBeenCalled();
    catalog.usage.flush();
    vi.restoreAllMocks();
    expect(catalog.loads.of('/models/loras/a.safetensors', 9)).toEqual([load({ at: start + 10 })]);
    expect([...catalog.loads.past()]).toMatchObject([
      { at: start + 10, hit: false, run: 1, queuedAt: start + 5, category: 'loras' },
      { at: start + 20, path: '/models/b', hit: true, run: null, queuedAt: null },
    ]);
    expect([...catalog.loads.past(start + 11)]).toHaveLength(1);
  });

  test('and its time is the one that the program tells, before and after it was written', () => {
    const { catalog } = openCatalog();
    catalog.loads.note(load());
    catalog.loads.took(load().path, 2500);
    catalog.loads.note(load({ path: '/models/b' }));
    catalog.usage.flush();
    catalog.loads.took('/models/b', 3500);
    catalog.loads.took('/models/unknown', 9000);
    catalog.usage.flush();
    expect([load().path, '/models/b'].map((path) => catalog.loads.of(path, 1)[0]?.seconds)).toEqual([2.5, 3.5]);
  });

  test('over a restart one prompt stays one', () => {
    const file = join(tempDir(), 'catalog.db');
    for (const at of [start + 1, start + 2]) {
      using catalog = new Catalog(file, new ManualClock());
      catalog.loads.note(load({ at }));
    }
    using catalog = new Catalog(file, new ManualClock());
    expect([...catalog.loads.past()].map(({ run }) => run)).toEqual([1, 1]);
  });
});

describe('after 30 days', () => {
  test('loads are one row a day and file, and are still told in order, misses first', () => {
    const { clock, database, loads, write } = open();
    for (const [at, tier] of [
      [1, null],
      [3, 'ssd'],
      [5, 'ssd'],
      [dayMs + 4, 'ssd'],
    ] as const)
      loads.note(load({ at: start + at, tier }));
    loads.note(load({ at: start + 2, path: '/models/b' }));
    write();
    clock.advance(31 * dayMs + 10);
    loads.note(load({ at: clock.now() }));
    write();
    expect(database.get('SELECT count(*) AS days, sum(loads) AS loads, sum(hits) AS hits FROM load_days')).toEqual({
      days: 3,
      loads: 5,
      hits: 3,
    });
    expect([...loads.past()].map(({ at, path, hit }) => [at - start, path.at(-1), hit])).toEqual([
      [1, 's', false],
      [2, 'b', false],
      [3, 's', true],
      [5, 's', true],
      [dayMs + 4, 's', true],
      [31 * dayMs + 10, 's', false],
    ]);
    expect([...loads.past(start + dayMs)]).toHaveLength(2);
    expect(database.all('SELECT * FROM load_prompts')).toHaveLength(1);
  });

  test('a load from a wrong clock, years ahead, keeps no other from being joined', () => {
    const { clock, database, loads, write } = open();
    loads.note(load({ at: 1e14 }));
    loads.note(load({ at: start + 1 }));
    write();
    clock.advance(40 * dayMs);
    loads.note(load({ at: clock.now() }));
    write();
    expect(database.all('SELECT * FROM loads')).toHaveLength(1);
  });

  test('as many loads and hits are told as there were', () => {
    const times = fc.array(fc.record({ at: fc.integer({ min: 0, max: 60 * dayMs }), hit: fc.boolean() }), { maxLength: 60 });
    fc.assert(
      fc.property(times, (all) => {
        const { clock, loads, write } = open();
        for (const { at, hit } of all) loads.note(load({ at: start + at, tier: hit ? 'ssd' : null }));
        write();
        clock.advance(45 * dayMs);
        loads.note(load({ at: clock.now() }));
        write();
        const told = [...loads.past()];
        expect(told).toHaveLength(all.length + 1);
        expect(told.filter(({ hit }) => hit)).toHaveLength(all.filter(({ hit }) => hit).length);
      }),
      { numRuns: slowTests ? 20 : 7 },
    );
  });
});

test('loads never take more than their share of the catalog: the oldest are joined, then forgotten', () => {
  const bound = 2 * 1024 * 1024;
  const { clock, database, loads, write } = open(bound);
  const long = 'x'.repeat(100);
  for (let k = 0; k < 30_000; k++) {
    const path = `/models/loras/${'folder/'.repeat(5)}${k % 3000}.safetensors`;
    loads.note(load({ at: start + k * 60_000, path, prompt: `${long}${k}`.slice(-100), nodeClass: long }));
    clock.advance(60_000);
    if (k % 200 === 0) write();
  }
  write();
  const { days, kept } = database.get<{ days: number; kept: number }>(
    'SELECT (SELECT count(*) FROM load_days) AS days, (SELECT count(*) FROM loads) AS kept',
  ) ?? { days: 0, kept: 0 };
  expect(kept).toBeGreaterThan(0);
  expect(days).toBeGreaterThan(0);
  const told = [...loads.past()];
  expect(told.length).toBeLessThan(30_000);
  expect(told.at(-1)?.at).toBe(start + 29_999 * 60_000);
  expect(told[0]?.at).toBeGreaterThan(start);
  const file = database.file;
  database.close();
  const taken = new Sqlite(file, { readonly: true });
  const { bytes } = taken
    .prepare<[], { bytes: number }>("SELECT sum(pgsize) AS bytes FROM dbstat WHERE name LIKE '%load%'")
    .get() ?? { bytes: 0 };
  taken.close();
  expect(bytes).toBeGreaterThan(bound / 8);
  expect(bytes).toBeLessThan(bound);
  expect(statSync(file).size).toBeLessThan(2 * bound);
});

test('loads that cannot be written are held, as many as memory is meant for', () => {
  const { loads, write } = open();
  for (let k = 0; k < 10_050; k++) loads.note(load({ at: start + k }));
  write();
  const told = [...loads.past()];
  expect(told).toHaveLength(10_000);
  expect(told[0]?.at).toBe(start + 50);
});
