import { describe, expect, test } from 'vitest';
import { Leases, leaseMs } from '../../src/usage/leases.ts';
import { openCatalog } from '../helpers/catalog.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const comfy = { app: 'comfyui', pid: 1 };
const other = { app: 'comfyui', pid: 2 };
const year = 365 * 24 * 3600_000;

function arrange(saved: { copyPath: string; client: string }[] = []) {
  const clock = new ManualClock();
  return { clock, leases: new Leases(clock, saved) };
}

describe('a lease', () => {
  test('holds for its time and not a millisecond longer', () => {
    const { clock, leases } = arrange();
    expect(leases.grant('/c/a', comfy)).toBe(leaseMs);
    clock.advance(leaseMs - 1);
    expect(leases.isLeased('/c/a')).toBe(true);
    expect(leases.of(comfy)).toEqual([{ path: '/c/a', expiresInMs: 1 }]);
    clock.advance(1);
    expect(leases.isLeased('/c/a')).toBe(false);
    expect(leases.isLeased('/c/b')).toBe(false);
  });

  test.each([year, -year])('does not care when the wall clock jumps by %d ms', (jump) => {
    const { clock, leases } = arrange();
    leases.grant('/c/a', comfy);
    clock.setWall(clock.now() + jump);
    expect(leases.isLeased('/c/a')).toBe(true);
    clock.advance(leaseMs);
    clock.setWall(clock.now() - jump);
    expect(leases.isLeased('/c/a')).toBe(false);
  });

  test('of one client outlives that of another', () => {
    const { clock, leases } = arrange();
    leases.grant('/c/a', comfy);
    clock.advance(leaseMs / 2);
    leases.grant('/c/a', other);
    clock.advance(leaseMs / 2);
    expect(leases.isLeased('/c/a')).toBe(true);
    expect(leases.on('/c/a')).toEqual([{ client: 'comfyui:2', expiresInMs: leaseMs / 2 }]);
    leases.end(other, true);
    expect(leases.isLeased('/c/a')).toBe(false);
    expect(leases.on('/c/a')).toEqual([]);
  });

  test('is asked for again by the next lookup', () => {
    const { clock, leases } = arrange();
    for (let hour = 0; hour < 10; hour += 1) {
      leases.grant('/c/a', comfy);
      clock.advance(leaseMs - 1);
    }
    expect(leases.isLeased('/c/a')).toBe(true);
  });

  test('of a program that does not tell who it is holds as well', () => {
    const { leases } = arrange();
    leases.grant('/c/a', null);
    leases.grant('/c/b', { app: 'script' });
    expect(['/c/a', '/c/b'].map((path) => leases.isLeased(path))).toEqual([true, true]);
  });
});

describe('renewing and ending', () => {
  test('all that a client holds, and nothing of another client', () => {
    const { clock, leases } = arrange();
    for (const path of ['/c/a', '/c/b']) leases.grant(path, comfy);
    leases.grant('/c/a', other);
    clock.advance(leaseMs - 1);
    leases.renew(comfy, true);
    clock.advance(1);
    expect(leases.of(comfy).map(({ path }) => path)).toEqual(['/c/a', '/c/b']);
    expect(leases.on('/c/a').map(({ client }) => client)).toEqual(['comfyui:1']);
    leases.end(comfy, true);
    expect(leases.of(comfy)).toEqual([]);
    expect(leases.isLeased('/c/a')).toBe(false);
  });

  test('some of them', () => {
    const { clock, leases } = arrange();
    for (const path of ['/c/a', '/c/b']) leases.grant(path, comfy);
    clock.advance(leaseMs - 1);
    leases.renew(comfy, ['/c/a', '/c/never-held']);
    clock.advance(1);
    expect(['/c/a', '/c/b', '/c/never-held'].map((path) => leases.isLeased(path))).toEqual([true, false, false]);
    leases.end(comfy, ['/c/a']);
    expect(leases.isLeased('/c/a')).toBe(false);
  });
});

describe('a restart of the daemon', () => {
  test('keeps what programs hold: a model that is in use is not evicted by the new daemon', () => {
    const { catalog, file, close } = openCatalog();
    const before = arrange();
    before.leases.grant('/c/a', comfy);
    before.leases.grant('/c/b', other);
    before.leases.end(other, true);
    catalog.usage.leases(before.leases.changes() ?? []);
    close();
    const { clock, leases } = arrange(openCatalog({ file }).catalog.usage.savedLeases());
    expect(leases.isLeased('/c/a')).toBe(true);
    expect(leases.isLeased('/c/b')).toBe(false);
    leases.renew(comfy, true);
    clock.advance(leaseMs);
    expect(leases.isLeased('/c/a')).toBe(false);
  });

  test('tells the catalog what changed, and nothing when nothing did', () => {
    const { leases } = arrange();
    expect(leases.changes()).toBeNull();
    leases.grant('/c/a', comfy);
    expect(leases.changes()).toEqual([{ copyPath: '/c/a', client: 'comfyui:1', held: true }]);
    leases.grant('/c/a', comfy);
    leases.renew(comfy, true);
    expect(leases.changes()).toBeNull();
    leases.end(comfy, true);
    expect(leases.changes()).toEqual([{ copyPath: '/c/a', client: 'comfyui:1', held: false }]);
    expect(leases.changes()).toBeNull();
  });

  test('thousands of leases that others hold are not told again with each new one', () => {
    const { leases } = arrange();
    for (let copy = 0; copy < 1000; copy += 1) for (const pid of [1, 2]) leases.grant(`/c/${copy}`, { app: 'comfyui', pid });
    expect(leases.changes()).toHaveLength(2000);
    leases.grant('/c/0', { app: 'comfyui', pid: 3 });
    expect(leases.changes()).toEqual([{ copyPath: '/c/0', client: 'comfyui:3', held: true }]);
  });

  test('does not bring back what had run out: years of ComfyUI starts would add up', () => {
    const { clock, leases } = arrange();
    for (let pid = 1; pid <= 100; pid += 1) leases.grant('/c/a', { app: 'comfyui', pid });
    expect(leases.changes()).toHaveLength(100);
    clock.advance(leaseMs);
    leases.grant('/c/b', comfy);
    const told = leases.changes();
    expect(told?.filter(({ held }) => held)).toEqual([{ copyPath: '/c/b', client: 'comfyui:1', held: true }]);
    expect(told?.filter(({ held }) => !held)).toHaveLength(100);
    clock.advance(leaseMs);
    expect(leases.changes()).toEqual([{ copyPath: '/c/b', client: 'comfyui:1', held: false }]);
    expect(leases.changes()).toBeNull();
  });
});
