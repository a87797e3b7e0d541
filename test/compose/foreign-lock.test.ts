import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { KnownSources } from '../../src/roots/known-sources.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { endlessLocks } from '../helpers/endless-locks.ts';
import { lockDatabase } from '../helpers/locked-database.ts';
import { soon } from '../helpers/patience.ts';
import { createRig } from '../helpers/rig.ts';

test('another program that holds the catalog locked delays no lookup; what has to be written waits for it', {
  tags: 'slow',
}, async () => {
  const waits = endlessLocks();
  const rig = await runDaemon({ 'loras/a.safetensors': 1000, 'loras/b.safetensors': 1000 });
  expect(waits).not.toEqual([]);
  const [a, b] = ['a', 'b'].map((name) => join(rig.root, `loras/${name}.safetensors`)) as [string, string];
  await rig.client.warm({ paths: [a], wait: true });
  const lookup = (path: string) => rig.client.lookup({ path, purpose: 'load', waitMs: 0, client: { app: 'test' } });
  await lookup(a);

  const letGo = await lockDatabase(join(rig.stateDir, 'catalog.db'));
  const attempts = vi.spyOn(Sqlite.prototype, 'exec');
  onTestFinished(() => attempts.mockRestore());
  let pinned = false;
  const pin = rig.client.pin({ paths: [a] }).then(() => {
    pinned = true;
  });
  const copied = rig.client.warm({ paths: [b], wait: true });
  // A write that waited in the thread of the lookups would hold all of them up for minutes.
  let answered = 0;
  for (const isEnough = () => attempts.mock.calls.length > 20 && answered >= 100; !isEnough(); answered += 1) {
    expect((await lookup(a)).reason).toBe('HIT');
  }
  expect(attempts.mock.results.every(({ type }) => type === 'throw')).toBe(true);
  expect(pinned).toBe(false);
  await letGo();
  await pin;
  expect(await copied).toMatchObject({ ready: 1 });
  const { entries } = await rig.client.entries({});
  expect(entries.find(({ path }) => path === a)).toMatchObject({ pinned: true, uses: answered + 1 });
});

/** A catalog that another program holds locked, and the attempts to write into it. */
async function locked() {
  const rig = createRig({ workers: 'inline' });
  const { path } = rig.source('loras/a.safetensors', 1000);
  await rig.copy(path);
  const letGo = await lockDatabase(join(rig.dir, 'catalog.db'));
  rig.catalog.answerFirst();
  const attempts = vi.spyOn(Sqlite.prototype, 'exec');
  onTestFinished(() => attempts.mockRestore());
  return { rig, path, letGo, attempts };
}

describe('what is found out while another program holds the catalog locked is written when it has let go', () => {
  test('a source that has changed puts its copy out of service', async () => {
    const { rig, path, letGo } = await locked();
    const stale = new Promise((resolve) => rig.events.subscribe((name, event) => name === 'copy-stale' && resolve(event)));
    rig.source('loras/a.safetensors', 2000);
    new KnownSources(rig).changed(path, { state: 'present', fingerprint: rig.file(path).fingerprint });
    const entry = rig.catalog.entries.byPath(path);
    expect(rig.catalog.copies.readyOf(entry?.id ?? 0)).toHaveLength(1);
    await letGo();
    expect(await stale).toMatchObject({ path });
    expect(rig.catalog.copies.readyOf(entry?.id ?? 0)).toEqual([]);
    expect(rig.catalog.entries.byPath(path)?.fingerprint.size).toBe(2000);
  });

  test('any write is done once, in the order of the calls, and gives its result', async () => {
    const { rig, letGo } = await locked();
    const done: number[] = [];
    const writes = [1, 2].map((number) =>
      rig.catalog.write(() => {
        rig.catalog.settings.set('number', String(number), '');
        done.push(number);
        return number;
      }),
    );
    expect(() => rig.catalog.settings.set('number', '3', '')).toThrow('locked');
    expect(rig.catalog.isWritable()).toBe(false);
    expect(done).toEqual([]);
    await letGo();
    expect(await Promise.all(writes)).toEqual([1, 2]);
    expect(done).toEqual([1, 2]);
    expect(rig.catalog.settings.get('number', '')).toBe('2');
  });

  test('a catalog that is closed meanwhile ends the wait', async () => {
    const { rig, letGo } = await locked();
    const waiting = [rig.catalog.write(() => expect.unreachable()), rig.catalog.writable()];
    const closed = rig.close();
    for (const wait of waiting) await expect(wait).rejects.toMatchObject({ code: 'CANCELLED' });
    await letGo();
    await closed;
  });
});

describe('requests that wait for a locked catalog', () => {
  test('try it together, however many they are: each attempt holds up the lookups', async () => {
    const { rig, letGo, attempts } = await locked();
    const waiting = Array.from({ length: 100 }, () => rig.catalog.writable());
    await vi.waitFor(() => expect(attempts.mock.calls.length).toBeGreaterThan(3), soon());
    expect(attempts.mock.calls.length).toBeLessThan(waiting.length / 2);
    await letGo();
    await Promise.all(waiting);
  });

  test('are refused after 10 s by the clock, before clients give up', async () => {
    const { rig, letGo, attempts } = await locked();
    const { now } = performance;
    let later = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + later);
    onTestFinished(() => clock.mockRestore());
    const refused = vi.fn();
    const waiting = rig.catalog.writable().catch(refused);
    for (const ms of [0, 5_000]) {
      later = ms;
      attempts.mockClear();
      await vi.waitFor(() => expect(attempts.mock.calls.length).toBeGreaterThan(1), soon());
      expect(refused).not.toHaveBeenCalled();
    }
    later = 10_000;
    attempts.mockClear();
    await waiting;
    expect(attempts.mock.calls.length).toBeLessThan(20);
    expect(refused).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'BUSY' }));
    await letGo();
  });

  test('do not include those that only try', async () => {
    const rig = await runDaemon({ 'loras/a.safetensors': 1000 });
    await rig.client.warm({ paths: [join(rig.root, 'loras/a.safetensors')], wait: true });
    const letGo = await lockDatabase(join(rig.stateDir, 'catalog.db'));
    const clear = { body: { all: true, dryRun: true } };
    expect(await rig.client.ask('POST', '/api/cache/clear', clear)).toMatchObject({ dryRun: true, files: 1 });
    await letGo();
  });
});
