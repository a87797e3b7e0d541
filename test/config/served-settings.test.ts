import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Leaving } from '../../src/api/api.ts';
import type { EventMap } from '../../src/api/event-map.ts';
import { loadConfig } from '../../src/config/config.ts';
import { ServedSettings } from '../../src/config/served-settings.ts';
import { Events } from '../../src/runtime/events.ts';
import { createLog } from '../../src/runtime/log.ts';
import { directory } from './load.ts';
import { Saved } from './saved.ts';

const hour = 3_600_000;
const three: Leaving = { copies: 3, of: 5, bytes: 3 * 2 ** 30 };

/** Watched settings over a .env, under which `leaving` copies would have to go whenever the limit is less than 2 GiB. */
async function served({ graceMs, leaving = three }: { graceMs: number; leaving?: Leaving }) {
  const saved = new Saved();
  const cwd = directory({ '.env': 'AUTOCACHE_LIMIT=2GiB\n' });
  const open = () => {
    const events = new Events();
    const log = createLog({ level: 'silent', form: 'json' });
    const loaded = loadConfig({ env: {}, cwd, home: cwd });
    return { events, settings: new ServedSettings({ loaded, saved, events, log, isLocal: async () => true }) };
  };
  const { events, settings } = open();
  settings.guardLimit(
    async ({ limit }) => (limit.kind === 'bytes' && limit.bytes < 2 ** 31 ? leaving : { ...three, copies: 0 }),
    graceMs,
  );
  const heard: EventMap['config-changed'][] = [];
  let wake = () => {};
  events.subscribe((name, event) => {
    if (name === 'config-changed') heard.push(event as EventMap['config-changed']);
    wake();
  });
  const next = async () => {
    while (heard.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return heard.shift();
  };
  settings.watch();
  onTestFinished(() => settings[Symbol.asyncDispose]());
  const env = join(cwd, '.env');
  const edit = (text: string) => {
    writeFileSync(`${env}.new`, text);
    renameSync(`${env}.new`, env);
    return next();
  };
  const limit = () => settings.current.limit;
  return { settings, env, edit, next, limit, open };
}

const bytes = (gib: number) => ({ kind: 'bytes', bytes: gib * 2 ** 30 });

test('a lower limit that removes copies counts after its time, the rest of the file at once', async () => {
  const { env, edit, next, limit, settings } = await served({ graceMs: 2000 });
  expect(await edit('AUTOCACHE_LIMIT=1GiB\nAUTOCACHE_MODE=off\n')).toEqual({
    changed: ['AUTOCACHE_MODE'],
    warnings: [`AUTOCACHE_LIMIT=1GiB (${env}) frees 3 GiB, removes 3 of 5 copies after 2 s; set it back to keep them`],
  });
  expect(limit()).toEqual(bytes(2));
  expect(settings.current.mode).toBe('off');
  expect(await next()).toEqual({ changed: ['AUTOCACHE_LIMIT'], warnings: [] });
  expect(limit()).toEqual(bytes(1));
});

test('other edits do not begin its time anew, and setting it back ends it', async () => {
  const { edit, limit, settings } = await served({ graceMs: hour });
  await edit('AUTOCACHE_LIMIT=1GiB\n');
  expect(await edit('AUTOCACHE_LIMIT=1GiB\nAUTOCACHE_MODE=off\n')).toMatchObject({ changed: ['AUTOCACHE_MODE'] });
  expect(settings.warnings).toHaveLength(1);
  expect(await edit('AUTOCACHE_LIMIT=2GiB\nAUTOCACHE_MODE=off\n')).toEqual({ changed: [], warnings: [] });
  expect(limit()).toEqual(bytes(2));
});

test('a limit under which all copies stay counts at once', async () => {
  const { edit, limit } = await served({ graceMs: hour, leaving: { ...three, copies: 0 } });
  expect(await edit('AUTOCACHE_LIMIT=1GiB\n')).toEqual({ changed: ['AUTOCACHE_LIMIT'], warnings: [] });
  expect(limit()).toEqual(bytes(1));
  expect(await edit('AUTOCACHE_LIMIT=4GiB\n')).toEqual({ changed: ['AUTOCACHE_LIMIT'], warnings: [] });
});

test('fewer results wait too, each limit on its own, and a request ends only the wait of its own', async () => {
  const { env, edit, next, settings } = await served({ graceMs: hour });
  settings.guardResults(({ memoItems, memoLimit }) => {
    const isLess = memoItems < 10_000 || (memoLimit.kind === 'bytes' && memoLimit.bytes < 2 ** 30);
    return { results: isLess ? 7 : 0, of: 9, bytes: 2 ** 20 };
  }, hour);
  const { memoLimit, memoItems } = settings.current;
  const cost = 'frees 1 MiB, removes 7 of 9 results after 3600 s; set it back to keep them';
  const items = `AUTOCACHE_MEMO_ITEMS=2 (${env}) ${cost}`;
  expect(await edit('AUTOCACHE_MEMO_LIMIT=1MiB\nAUTOCACHE_MEMO_ITEMS=2\nAUTOCACHE_MODE=off\n')).toEqual({
    changed: ['AUTOCACHE_LIMIT', 'AUTOCACHE_MODE'],
    warnings: [`AUTOCACHE_MEMO_LIMIT=1MiB (${env}) ${cost}`, items],
  });
  expect(settings.current).toMatchObject({ memoLimit, memoItems, mode: 'off' });
  settings.change({ memo_limit: '3MiB' });
  expect(await next()).toEqual({ changed: ['AUTOCACHE_MEMO_LIMIT'], warnings: [items] });
  expect(settings.current).toMatchObject({ memoLimit: { kind: 'bytes', bytes: 3 * 2 ** 20 }, memoItems });
});

test('a lower number of results counts when its time is over', async () => {
  const { edit, next, settings } = await served({ graceMs: 300 });
  settings.guardResults(() => ({ results: 1, of: 9, bytes: 1 }), 300);
  expect(await edit('AUTOCACHE_LIMIT=2GiB\nAUTOCACHE_MEMO_ITEMS=2\n')).toMatchObject({
    changed: [],
    warnings: [expect.any(String)],
  });
  expect(await next()).toEqual({ changed: ['AUTOCACHE_MEMO_ITEMS'], warnings: [] });
  expect(settings.current.memoItems).toBe(2);
});

test('a limit that is changed by a request meanwhile counts instead, also over a restart', async () => {
  const { edit, next, limit, settings, open } = await served({ graceMs: hour });
  await edit('AUTOCACHE_LIMIT=1GiB\nAUTOCACHE_MODE=off\n');
  expect(() => settings.change({ limit: 'much' })).toThrow('limit');
  expect(settings.warnings).toHaveLength(1);
  settings.change({ limit: '3GiB' });
  expect(await next()).toEqual({ changed: ['AUTOCACHE_LIMIT'], warnings: [] });
  expect(limit()).toEqual(bytes(3));
  expect(open().settings.current).toMatchObject({ limit: bytes(3), mode: 'off' });
});

test.each([
  ['read-write', 'on', 'on'],
  ['read-write', 'read-only', 'read-only'],
  ['read-only', 'on', 'read-only'],
  ['read-only', 'off', 'off'],
  ['off', 'on', 'off'],
])('with the mode %s and results %s, results are %s', (mode, memo, expected) => {
  const cwd = directory({});
  const loaded = loadConfig({ env: { AUTOCACHE_MODE: mode, AUTOCACHE_MEMO: memo }, cwd, home: cwd });
  const log = createLog({ level: 'silent', form: 'json' });
  const settings = new ServedSettings({ loaded, saved: new Saved(), events: new Events(), log, isLocal: async () => true });
  expect(settings.memoMode()).toBe(expected);
});
