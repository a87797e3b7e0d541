import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { EventMap } from '../../src/api/event-map.ts';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';

/** A daemon whose .env can be edited, and the next time that its settings change. */
async function daemonWith(files: Record<string, number> = {}, settings: Record<string, string> = {}) {
  const daemon = await runDaemon(files, settings);
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const events = await daemon.client.events(end.signal);
  const env = join(daemon.dir, '.env');
  const heard = async <K extends keyof EventMap>(name: K): Promise<EventMap[K]> => {
    // Not `for await`, which would close the stream.
    for (;;) {
      const { value, done } = await events.next();
      if (done) throw new Error('the daemon has ended');
      if (value.name === name) return value.data as EventMap[K];
    }
  };
  const changed = () => heard('config-changed');
  const edit = (text: string) => {
    writeFileSync(`${env}.new`, text);
    renameSync(`${env}.new`, env);
    return changed();
  };
  const run = (...words: string[]) => runCli(words, { stateDir: daemon.stateDir, columns: 200 });
  const setting = async (name: string) =>
    (await daemon.client.config()).settings.find(({ key }) => key === `AUTOCACHE_${name}`);
  /** As the shim asks, with a stat of its own: on a busy machine the daemon's comes too late. */
  const load = (path: string, waitMs = 60_000) => {
    const { size, mtimeNs } = statSync(path, { bigint: true });
    const stat = { size: Number(size), mtimeNs: String(mtimeNs) };
    return daemon.client.lookup({ path, ...stat, purpose: 'load', waitMs, client: null });
  };
  const reason = async (name: string) => (await load(join(daemon.root, name), 0)).reason;
  /** Copies that nobody uses. */
  const warm = async (...names: string[]) => {
    const paths = names.map((name) => join(daemon.root, name));
    while ((await daemon.client.warm({ paths, wait: true })).ready < names.length);
  };
  return { daemon, env, edit, changed, heard, run, setting, reason, load, warm };
}

test('a .env that is written while the daemon runs counts at once, and no more when it is deleted', async () => {
  const { env, edit, changed, setting, reason } = await daemonWith({ 'loras/a.safetensors': 1000 });
  expect(await edit('AUTOCACHE_MODE=off\nAUTOCACHE_POLICY=lru\n')).toEqual({
    changed: ['AUTOCACHE_MODE', 'AUTOCACHE_POLICY'],
    warnings: [],
  });
  expect(await setting('MODE')).toMatchObject({ value: 'off', from: env });
  expect(await reason('loras/a.safetensors')).toBe('OFF');
  const deleted = changed();
  rmSync(env);
  expect(await deleted).toMatchObject({ changed: ['AUTOCACHE_MODE', 'AUTOCACHE_POLICY'] });
  expect(await reason('loras/a.safetensors')).toBe('QUEUED');
});

test('a setting that needs a restart is told by status and config, until it is set back', async () => {
  const { env, edit, run, setting } = await daemonWith();
  const warning = `AUTOCACHE_JOBS=4 (${env}) counts after: autocached restart`;
  expect(await edit('AUTOCACHE_JOBS=4\n')).toEqual({ changed: [], warnings: [warning] });
  expect(await setting('JOBS')).toMatchObject({ value: '2', from: 'default', pending: '4' });
  expect((await run('status')).out).toContain(warning);
  expect((await run('config')).out).toMatch(/AUTOCACHE_JOBS +2 \(after a restart: 4\)/);
  expect(await edit('')).toEqual({ changed: [], warnings: [] });
  expect((await run('status')).out).not.toContain('AUTOCACHE_JOBS');
});

test('a file with a mistake changes nothing and is told, with the place of the mistake', async () => {
  const { env, edit, run, setting } = await daemonWith();
  const { changed, warnings } = await edit('AUTOCACHE_MODE=off\nAUTOCACHE_LIMTI=1GiB\n');
  expect(changed).toEqual([]);
  expect(warnings).toEqual([
    `settings stay as they were, the files are wrong: ${env}: AUTOCACHE_LIMTI: not a known key; the nearest one is AUTOCACHE_LIMIT`,
  ]);
  expect(await setting('MODE')).toMatchObject({ value: 'read-write' });
  expect((await run('status')).out).toContain('AUTOCACHE_LIMTI: not a known key');
  expect(await edit('AUTOCACHE_MODE=off\n')).toEqual({ changed: ['AUTOCACHE_MODE'], warnings: [] });
});

test('filters that are edited count for the next lookup', async () => {
  const { edit, reason } = await daemonWith({ 'loras/a.safetensors': 1000, 'vae/b.safetensors': 1000 });
  await edit('AUTOCACHE_EXCLUDE=vae/**\nAUTOCACHE_MAX_SIZE=none,loras=999\n');
  expect(await reason('vae/b.safetensors')).toBe('BYPASS_EXCLUDED');
  expect(await reason('loras/a.safetensors')).toBe('BYPASS_LARGE');
  await edit('AUTOCACHE_CATEGORIES=vae\n');
  expect(await reason('vae/b.safetensors')).toBe('QUEUED');
  expect(await reason('loras/a.safetensors')).toBe('BYPASS_EXCLUDED');
});

test('how long a load waits, and what is written in a day, change with the settings', async () => {
  const { daemon, load } = await daemonWith({ 'loras/a.safetensors': 1000, 'loras/b.safetensors': 1000 });
  const [a, b] = [join(daemon.root, 'loras/a.safetensors'), join(daemon.root, 'loras/b.safetensors')];
  await daemon.client.changeConfig({ daily_writes: '1' });
  expect(await load(a)).toMatchObject({ reason: 'NOT_ADMITTED' });
  await daemon.client.changeConfig({ daily_writes: 'none', on_miss: 'background' });
  expect(await load(b)).toMatchObject({ reason: 'QUEUED' });
  await daemon.client.changeConfig({ on_miss: 'wait' });
  expect(['HIT', 'HIT_AFTER_WAIT']).toContain((await load(b)).reason);
});

test('a root that is named while the daemon runs is known at once, and one no longer named stays and is told', async () => {
  const { daemon, heard, run, load } = await daemonWith({ 'loras/a.safetensors': 1000 });
  const more = join(daemon.dir, 'more');
  const model = join(more, 'b.safetensors');
  writeModel(model, 1000);
  const known = async () => (await daemon.client.stats()).roots.map(({ path }) => path);
  expect((await run('config', `AUTOCACHE_ROOTS=${more}=hdd`)).code).toBe(0);
  while ((await heard('root-health')).path !== more);
  expect(await known()).toEqual([daemon.root, more]);
  expect((await load(model)).tier).toBe('ssd');
  expect((await run('status')).out).toContain(`${daemon.root} is no longer named, and stays a root until: autocached restart`);
  await daemon.restart();
  expect(await known()).toEqual([more]);
  expect((await run('config', `AUTOCACHE_ROOTS=${join(daemon.dir, 'ssd')}`)).code).toBe(0);
  await daemon.restart();
  expect((await run('status')).out).toContain(`${join(daemon.dir, 'ssd')} is left out: autocached's directory`);
});

test('a limit that a file lowers says what it costs, and nothing leaves when it is set back', async () => {
  const files = { 'loras/a.safetensors': 600_000, 'loras/b.safetensors': 600_000 };
  const { daemon, env, edit, run, warm } = await daemonWith(files);
  await warm(...Object.keys(files));
  const { changed, warnings } = await edit('AUTOCACHE_LIMIT=1MiB\nAUTOCACHE_POLICY=lru\n');
  const cost = `AUTOCACHE_LIMIT=1MiB (${env}) frees 586 KiB, removes 1 of 2 copies after 60 s; set it back to keep them`;
  expect({ changed, warnings }).toEqual({ changed: ['AUTOCACHE_POLICY'], warnings: [cost] });
  expect((await run('status')).out).toContain(cost);
  expect(await edit('AUTOCACHE_LIMIT=auto\n')).toEqual({ changed: ['AUTOCACHE_POLICY'], warnings: [] });
  const { tiers } = await daemon.client.stats();
  expect(tiers[0]).toMatchObject({ files: 2 });
});

test('an age that a file lowers says what it costs, and nothing leaves when it is set back', async () => {
  const { daemon, env, edit, warm } = await daemonWith({ 'loras/a.safetensors': 600_000 });
  await warm('loras/a.safetensors');
  const cost = `AUTOCACHE_MAX_AGE=1ms (${env}) frees 586 KiB, removes 1 of 1 copy after 60 s; set it back to keep them`;
  expect(await edit('AUTOCACHE_MAX_AGE=1ms\nAUTOCACHE_POLICY=lru\n')).toEqual({
    changed: ['AUTOCACHE_POLICY'],
    warnings: [cost],
  });
  await edit('AUTOCACHE_MAX_AGE=none\n');
  const { tiers } = await daemon.client.stats();
  expect(tiers[0]).toMatchObject({ files: 1 });
});

test('copies are read again once a period is set', async () => {
  const { heard, run, warm } = await daemonWith({ 'loras/a.safetensors': 1000 }, { AUTOCACHE_SCRUB: 'off' });
  await warm('loras/a.safetensors');
  expect((await run('config', 'AUTOCACHE_SCRUB=1ms')).code).toBe(0);
  expect(await heard('verify-progress')).toMatchObject({ bytesTotal: 1000 });
});

test('two sizes that leave no file are refused, though each is right alone', async () => {
  const { run } = await daemonWith();
  expect((await run('config', 'AUTOCACHE_MAX_SIZE=1GiB')).code).toBe(0);
  const { code, err } = await run('config', 'AUTOCACHE_MIN_SIZE=2GiB');
  expect(code).toBe(2);
  expect(err).toContain('no file has a size from 2 GiB to 1 GiB');
});

test('every setting that is shown as changeable can be changed by the command and the API', async () => {
  const { daemon, run } = await daemonWith();
  const { settings } = await daemon.client.config();
  for (const { key, value, live } of settings) {
    const { code, err } = await run('config', `${key}=${value}`);
    if (live) expect({ key, code, err }).toEqual({ key, code: 0, err: '' });
    else expect({ key, code, err }).toEqual({ key, code: 2, err: expect.stringContaining('cannot change') });
  }
  expect((await run('config', 'AUTOCACHE_RATE=nas=200MiB')).out).toMatch(/AUTOCACHE_RATE \* +nas=200MiB +live/);
});
