import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { widthOf } from '../../src/cli/text/fit.ts';
import { DaemonCalls, JsonText } from '../../src/client/daemon-call.ts';
import { findDaemon } from '../../src/client/daemon-file.ts';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { patience } from '../helpers/patience.ts';
import { keyOf } from './memo-rig.ts';

/** A daemon with some results: `n` has three, one of them with a cost. */
async function daemonWithResults(settings: Record<string, string> = {}) {
  const daemon = await runDaemon({ 'checkpoints/a.safetensors': 50_000 }, settings);
  const post = (path: string, body: unknown) => daemon.client.ask<Record<string, unknown>>('POST', path, { body });
  await post('/api/memo/put', { ns: 'n', key: keyOf(1), value: { width: 64 }, costMs: 90_000, tags: ['model:a'] });
  await post('/api/memo/put', { ns: 'n', key: keyOf(2), value: 'x'.repeat(60_000) });
  await post('/api/memo/put', { ns: 'n', key: `ab${keyOf(3).slice(2)}`, value: 3 });
  return Object.assign(daemon, { post });
}

describe('results in a daemon', () => {
  test('are no orphans, count under their own limit, and stay over a restart', async () => {
    const daemon = await daemonWithResults();
    await daemon.restart();
    const stats = await daemon.client.stats();
    expect(stats.orphans).toEqual([]);
    expect(stats.tiers[0]).toMatchObject({ tier: 'ssd', bytes: 0, outside: 0 });
    expect(stats.memo).toMatchObject({ current_items: 3, stores: 3 });
    expect(statSync(join(daemon.dir, 'ssd', 'memo')).mode & 0o077).toBe(0);
    expect(readFileSync(join(daemon.dir, 'ssd', 'memo', '.autocached'), 'utf8')).toContain('autocached owns this directory');
  });

  test('purging all models leaves them, and clearing them leaves the models', { tags: 'slow' }, async () => {
    const { client, root, post } = await daemonWithResults();
    const model = { path: join(root, 'checkpoints/a.safetensors'), purpose: 'load' as const, waitMs: 60_000, client: null };
    expect((await client.lookup(model)).tier).toBe('ssd');
    expect((await client.clear({ all: true })).of).toBe(1);
    expect((await client.stats()).memo.current_items).toBe(3);
    await client.lookup(model);
    await post('/api/cache/clear', { plane: 'memo', all: true });
    expect((await client.stats()).memo.current_items).toBe(0);
    expect((await client.lookup(model)).tier).toBe('ssd');
  });

  test('leave when the model that they came from is replaced', { tags: 'slow' }, async () => {
    const { root, post } = await daemonWithResults();
    const model = join(root, 'checkpoints/a.safetensors');
    const get = () => post('/api/memo/get', { ns: 'n', key: keyOf(9) });
    await post('/api/memo/put', { ns: 'n', key: keyOf(9), value: 'of a', deps: [`file:${model}`] });
    expect(await get()).toMatchObject({ state: 'hit' });
    writeFileSync(model, 'another model');
    await expect.poll(get, { timeout: patience(20_000), interval: 250 }).toMatchObject({ state: 'miss' });
  });

  test('limits that were changed while running hold after a restart', async () => {
    const daemon = await daemonWithResults();
    await daemon.post('/api/cache/config', { plane: 'memo', max_items: 2 });
    await daemon.restart();
    expect((await daemon.client.stats()).memo).toMatchObject({ max_items: 2, current_items: 2 });
  });

  test('with AUTOCACHE_MODE=off nothing is served or stored', async () => {
    const { client, post } = await daemonWithResults();
    await client.changeConfig({ mode: 'off' });
    expect(await post('/api/memo/get', { ns: 'n', key: keyOf(1) })).toMatchObject({ state: 'miss' });
    expect(await post('/api/memo/put', { ns: 'n', key: keyOf(4), value: 1 })).toMatchObject({ stored: false, reason: 'OFF' });
  });

  test('a daemon without results makes no folder for them', async () => {
    const { dir, client } = await runDaemon({});
    expect((await client.stats()).memo).toMatchObject({ current_items: 0 });
    expect(statSync(join(dir, 'ssd', 'memo'), { throwIfNoEntry: false })).toBeUndefined();
  });
});

test('a client that proves itself puts and reads blobs', async () => {
  const { client, stateDir } = await daemonWithResults();
  const sha256 = createHash('sha256').update('picture').digest('hex');
  const path = `/api/memo/blobs/${sha256}`;
  expect(await client.ask('PUT', path, { body: new JsonText('picture') })).toEqual({ sha256, size: 7 });
  const call = { method: 'GET', path, connectMs: 60_000, answerMs: 60_000 };
  const answer = await new DaemonCalls().stream(findDaemon(stateDir), call, AbortSignal.timeout(60_000));
  if ('text' in answer) throw new Error(answer.text);
  expect(Buffer.concat(await answer.toArray()).toString()).toBe('picture');
  // What is proven is the name of the bytes.
  const other = client.ask('PUT', path, { body: new JsonText('other') });
  await expect(other).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
});

describe('autocached memo', () => {
  const cli = async (daemon: { stateDir: string }, args: string[], run: Parameters<typeof runCli>[1] = {}) =>
    runCli(['memo', ...args], { stateDir: daemon.stateDir, columns: 80, ...run });

  test('status, list, get and explain show results in 80 columns', async () => {
    const daemon = await daemonWithResults();
    const pages = await Promise.all([
      cli(daemon, ['status']),
      cli(daemon, ['list', '--sort', 'cost']),
      cli(daemon, ['get', keyOf(1)]),
      cli(daemon, ['get', 'ab00']),
      cli(daemon, ['explain', 'ab00']),
      cli(daemon, ['explain', keyOf(77), '--ns', 'n']),
    ]);
    const [status, list, get, short, explain, missed] = pages.map(({ out }) => out);
    for (const { code, out } of pages) {
      expect(code).toBe(0);
      for (const line of out.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(80);
    }
    expect(status).toMatch(/3 of 10,000 results/);
    expect(status).toMatch(/n +- +3 +58\.6 KiB/);
    expect(list).toMatch(/^NAMESPACE +KEY +KIND +SIZE +COST/);
    expect(list?.split('\n')[1]).toMatch(/n +0{12} +json +12 B +1m 30s/);
    expect(JSON.parse(get ?? '')).toEqual({ width: 64 });
    expect(short).toBe('3\n');
    expect(missed).toMatch(/^miss: no such result is kept/);
    expect(explain).toMatch(/^hit: it is fresh for .*\n {2}kind {5}json, 1 B\n/);
  });

  test('--json is what the API says', async () => {
    const daemon = await daemonWithResults();
    const { out } = await cli(daemon, ['list', '--json']);
    expect(JSON.parse(out)).toMatchObject({ total: 3, entries: [{ ns: 'n', kind: 'json' }, {}, {}] });
    expect(JSON.parse((await cli(daemon, ['status', '--json'])).out)).toMatchObject({
      current_items: 3,
      namespaces: [{ name: 'n' }],
    });
  });

  test('clear says how many and asks; invalidate wants to know which', async () => {
    const daemon = await daemonWithResults();
    const refused = await cli(daemon, ['clear', '--ns', 'n']);
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('frees 58.6 KiB, removes 3 of 3 results') });
    const no = await cli(daemon, ['clear'], { interactive: true, input: 'n\n' });
    expect(no).toMatchObject({ code: 1, out: 'nothing removed\n' });
    expect((await cli(daemon, ['invalidate', '--ns', 'n'])).code).toBe(2);
    expect(await cli(daemon, ['invalidate', '--tag', 'model:a'])).toMatchObject({
      err: 'frees 12 B, removes 1 of 3 results\n',
      out: 'removed 1 result, 12 B\n',
    });
    expect((await cli(daemon, ['clear', '--yes'])).out).toBe('removed 2 results, 58.6 KiB\n');
  });

  test('clear asks nothing when nothing is kept, and holds for what is being computed', async () => {
    const daemon = await daemonWithResults();
    const { lease } = (await daemon.post('/api/memo/take', { ns: 'new', key: keyOf(7) })) as { lease: string };
    expect(await cli(daemon, ['clear', '--ns', 'new'])).toMatchObject({ code: 0, out: 'nothing to remove\n' });
    expect(await daemon.post('/api/memo/put', { ns: 'new', key: keyOf(7), lease, value: 1 })).toMatchObject({
      reason: 'INVALIDATED',
    });
  });

  test('prints the digits of a value as they are', async () => {
    const daemon = await daemonWithResults();
    const file = join(daemon.dir, 'items.json');
    writeFileSync(file, `[{"ns":"n","key":"${keyOf(8)}","value":{"seed":18446744073709551615}}]`);
    await cli(daemon, ['warm', file]);
    for (const more of [[], ['--json']])
      expect((await cli(daemon, ['get', keyOf(8), '--ns', 'n', ...more])).out).toContain('"seed": 18446744073709551615');
  });

  test('verify and warm', async () => {
    const daemon = await daemonWithResults();
    expect((await cli(daemon, ['verify'])).out).toBe('1 blob, 58.6 KiB: OK\n');
    const file = join(daemon.dir, 'items.json');
    writeFileSync(file, '[{"ns":"n","parts":{"seed":18446744073709551615},"value":1},{"ns":"n","parts":"?"}]');
    const { code, out } = await cli(daemon, ['warm', file]);
    expect({ code, states: out.match(/stored|miss/g) }).toEqual({ code: 0, states: ['stored', 'miss'] });
    expect((await cli(daemon, ['warm', file])).out.match(/hit|miss/g)).toEqual(['hit', 'miss']);
    writeFileSync(file, 'no list');
    expect(await cli(daemon, ['warm', file])).toMatchObject({ code: 2, err: expect.stringContaining('is no JSON') });
  });

  test.each([
    [['get', 'xyz'], 1, 'no result matches "xyz"'],
    [['get', 'abcdef'], 1, 'no result matches "abcdef"'],
    [['get', '0000'], 2, '2 results match "0000"'],
    [['explain', keyOf(77)], 1, 'with --ns and the name of its namespace'],
    [['list', '--sort', 'beauty'], 2, 'beauty'],
  ])('%j is refused in words', async (args, code, words) => {
    const daemon = await daemonWithResults();
    expect(await cli(daemon, args)).toMatchObject({ code, err: expect.stringContaining(words) });
  });
});
