import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReserveRequest } from '../../src/catalog/reservation.ts';
import { fingerprint, openCatalog, putCopy, reserveCopy, sourceFile } from '../helpers/catalog.ts';
import { slowTests } from '../helpers/slow.ts';

const seal = { size: 1000, mtimeNs: '1700000000123456789', ino: '7' };

function request(part: Partial<ReserveRequest>): ReserveRequest {
  return {
    entryId: 1,
    tier: 'ssd',
    path: '/cache/files/a',
    source: fingerprint(),
    bytes: 1000,
    limit: 10_000,
    free: 100_000,
    floor: 0,
    ...part,
  };
}

describe('space is reserved before the first byte', () => {
  test.each<[string, Partial<ReserveRequest>, number | null]>([
    ['what just fits is taken', { bytes: 10_000 }, null],
    ['one byte over the limit is short by one', { bytes: 10_001 }, 1],
    ['what just leaves the floor is taken', { free: 6000, floor: 5000 }, null],
    ['one byte into the floor is short by one', { free: 5999, floor: 5000 }, 1],
    ['the larger of both shortages is told', { bytes: 20_000, free: 1000, floor: 5000 }, 24_000],
    ['a disk that is below its floor already is short of that too', { bytes: 0, free: 4000, floor: 5000 }, 1000],
  ])('%s', (_what, part, short) => {
    const { catalog } = openCatalog();
    catalog.entries.put(sourceFile('loras/a.safetensors'));
    const reservation = catalog.copies.reserve(request(part));
    if (short === null) expect(reservation).toMatchObject({ copy: { state: 'copying', seal: null, hash: null } });
    else expect(reservation).toEqual({ short });
    expect(catalog.placements.usedBytes('ssd')).toBe(short === null ? (part.bytes ?? 1000) : 0);
  });

  test('whatever comes and goes, held and reserved bytes never pass the limit', () => {
    const step = fc.record({
      what: fc.constantFrom('reserve', 'publish', 'forget', 'retire'),
      file: fc.nat(5),
      bytes: fc.nat(500),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 1200 }), (steps, limit) => {
        const { catalog, close } = openCatalog({ file: ':memory:' });
        for (const { what, file, bytes } of steps) {
          const entry = catalog.entries.put(sourceFile(`loras/${file}`));
          const before = catalog.placements.usedBytes('ssd');
          const [own] = catalog.copies
            .ofEntry(entry.id)
            .filter(({ state }) => (what === 'publish' ? state === 'copying' : true));
          if (what === 'reserve') {
            const reservation = catalog.copies.reserve(request({ entryId: entry.id, path: `/c/${file}`, bytes, limit }));
            expect('short' in reservation).toBe(before + bytes > limit);
            if ('short' in reservation) expect(reservation.short).toBe(before + bytes - limit);
          } else if (own && what === 'publish') {
            catalog.copies.publish(own.id, {
              seal: { ...seal, size: own.bytes },
              hash: 'h',
              sha256: null,
              source: fingerprint(own.bytes),
            });
          } else if (own && what === 'forget') catalog.copies.forget(own.id);
          else if (own) catalog.copies.retire(own.id);
          const totals = catalog.placements.totals('ssd');
          expect(totals.bytes + totals.reserved).toBe(catalog.placements.usedBytes('ssd'));
          expect(catalog.placements.usedBytes('ssd')).toBeLessThanOrEqual(limit);
          expect(catalog.copies.readyOf(entry.id).length).toBeLessThanOrEqual(1);
        }
        close();
      }),
      { numRuns: slowTests ? 60 : 20 },
    );
  });

  test('each tier has its own account', () => {
    const { catalog } = openCatalog();
    putCopy(catalog, sourceFile('loras/a', { fingerprint: fingerprint(100) }), { tier: 'ram' });
    putCopy(catalog, sourceFile('loras/b', { fingerprint: fingerprint(200) }));
    reserveCopy(catalog, sourceFile('loras/c', { fingerprint: fingerprint(300) }));
    expect(catalog.placements.totals('ram')).toEqual({ files: 1, bytes: 100, represented: 100, reserved: 0 });
    expect(catalog.placements.totals('ssd')).toEqual({ files: 1, bytes: 200, represented: 200, reserved: 300 });
    expect(catalog.placements.totals('cold')).toEqual({ files: 0, bytes: 0, represented: 0, reserved: 0 });
  });
});

describe('a copy in service', () => {
  test('is what wmatches the published SHA-256: seal, hash and the source as it was read', () => {
    const { catalog } = openCatalog();
    const copy = reserveCopy(catalog, sourceFile('loras/a', { fingerprint: fingerprint(1000, '1', null) }));
    expect(catalog.copies.readyOf(copy.entryId)).toEqual([]);
    expect(catalog.copies.byPath(copy.path)).toBeUndefined();
    const source = fingerprint(1000, '1', '99');
    catalog.copies.publish(copy.id, { seal, hash: 'xxh128c8:ab', sha256: null, source });
    const published = { ...copy, state: 'ready', content: expect.any(Number), seal, hash: 'xxh128c8:ab', source };
    expect(catalog.copies.readyOf(copy.entryId)).toEqual([published]);
    expect(catalog.copies.byPath(copy.path)).toEqual(published);
  });

  test('takes the place of the old one in the same place, and of that one only', () => {
    const { catalog } = openCatalog();
    const file = sourceFile('loras/a');
    const [old, ram] = [putCopy(catalog, file), putCopy(catalog, file, { tier: 'ram', path: '/ram/files/a' })];
    const other = putCopy(catalog, sourceFile('loras/b'));
    const successor = putCopy(catalog, file);
    expect(catalog.copies.ofEntry(old.entryId).map(({ id }) => id)).toEqual([ram.id, successor.id]);
    expect(catalog.copies.ofEntry(other.entryId)).toEqual([other]);
    expect(catalog.placements.usedBytes('ssd')).toBe(2000);
  });

  test('leaves the old one on the books when that lies elsewhere: its file still takes its space', () => {
    const { catalog } = openCatalog();
    // As when a folder inside a root becomes a root of its own: the place of the copy changes with the root.
    const old = putCopy(catalog, sourceFile('loras/a'), { path: '/cache/files/models/loras/a' });
    const successor = putCopy(catalog, sourceFile('loras/a'), { path: '/cache/files/loras/a' });
    expect(catalog.copies.readyOf(old.entryId)).toEqual([successor]);
    expect(catalog.copies.byPath(old.path)).toEqual({ ...old, state: 'stale' });
    expect(catalog.placements.usedBytes('ssd')).toBe(2000);
  });

  test('is answered with from the fastest tier first', () => {
    const { catalog } = openCatalog();
    const file = sourceFile('loras/a');
    for (const tier of ['cold', 'ssd', 'ram'] as const) putCopy(catalog, file, { tier, path: `/${tier}/a` });
    const { id } = catalog.entries.put(file);
    expect(catalog.copies.readyOf(id).map(({ tier }) => tier)).toEqual(['ram', 'ssd', 'cold']);
  });

  test('cannot be doubled, whoever writes', () => {
    const { catalog } = openCatalog();
    const old = putCopy(catalog, sourceFile('loras/a'));
    catalog.copies.retire(old.id);
    putCopy(catalog, sourceFile('loras/a'), { path: '/cache/elsewhere' });
    expect(() => catalog.copies.setState(old.id, 'ready')).toThrow('UNIQUE');
  });

  test('without a seal cannot be', () => {
    const { catalog } = openCatalog();
    const { id } = reserveCopy(catalog, sourceFile('loras/a'));
    expect(() => catalog.copies.setState(id, 'ready')).toThrow('CHECK');
  });

  test('retires once and only from service', () => {
    const { catalog } = openCatalog();
    const copy = putCopy(catalog, sourceFile('loras/a'));
    catalog.copies.setState(copy.id, 'evicting');
    catalog.copies.retire(copy.id);
    expect(catalog.copies.inState('evicting').map(({ id }) => id)).toEqual([copy.id]);
    catalog.copies.setState(copy.id, 'ready');
    catalog.copies.retire(copy.id);
    expect(catalog.copies.readyOf(copy.entryId)).toEqual([]);
    expect(catalog.copies.inState('stale', 'evicting').map(({ id }) => id)).toEqual([copy.id]);
  });
});
