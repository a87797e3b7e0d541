import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { JobView, WarmAnswer, WarmItem, WarmRequest } from '../../src/api/api.ts';
import { Client } from '../../src/cli/client.ts';
import { waitForJobs } from '../../src/cli/wait-for-jobs.ts';
import type { Reason } from '../../src/core/types.ts';
import { reasonTerm } from '../../src/core/vocabulary.ts';
import { type FakeDaemon, startFakeDaemon } from './fake-daemon.ts';
import { runCli, startCli } from './run-cli.ts';
import { queued, readyItem as ready, running } from './samples.ts';

const key = 'POST /api/cache/warm';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'autocached-warm-'));
});
afterEach(() => vi.useRealTimers());
afterEach(() => rm(cwd, { recursive: true, force: true }));

const said = (reason: Reason, isUnderWay = false) => {
  const { word, says } = reasonTerm(reason, isUnderWay);
  return { reason, word, why: says };
};
const copying: WarmItem = {
  ...ready,
  item: '/mnt/big',
  path: '/mnt/big',
  ...said('COPYING', true),
  ready: false,
  job: running,
};
const waiting: WarmItem = { ...copying, item: '/mnt/next', ...said('QUEUED', true), job: queued };
const missing: WarmItem = { ...ready, item: '/mnt/gone', ...said('SOURCE_MISSING'), ready: false, size: null };
const small: WarmItem = { ...ready, item: '/mnt/small.txt', ...said('BYPASS_SMALL'), ready: false, size: 10 };

function answering(...items: WarmItem[]): Promise<FakeDaemon> {
  const count = items.filter((item) => item.ready).length;
  const answer: WarmAnswer = { items, ready: count, missing: items.length - count };
  const whole = items.map((item) => ({ ...item, ready: true }));
  // Asked to wait, it answers when the files that belong to them are there too.
  return startFakeDaemon({
    [key]: ({ body }) => {
      const { wait, ram } = body as WarmRequest;
      return wait && !ram ? { ...answer, items: whole } : answer;
    },
  });
}

const done: JobView = { ...running, state: 'done', bytesDone: running.bytesTotal };
const failed: JobView = { ...queued, state: 'failed', error: { code: 'SOURCE_IO', message: 'the disk answered EIO' } };

describe('warm waits until the copies are there', () => {
  test('with a plain line for each step where no terminal is', async () => {
    await using daemon = await answering(ready, copying, waiting);
    const run = startCli(['warm', 'x'], { stateDir: daemon.stateDir });
    await daemon.emit('job-progress', { ...running, id: 99, category: 'other' });
    await run.err.until('#12 checkpoints/sd_xl_base_1.0.safetensors: 54 % of 6.5 GiB, 412 MiB/s, 8s left\n');
    await daemon.emit('job-progress', { ...running, bytesDone: running.bytesDone + 1 });
    await daemon.emit('job-done', done);
    await daemon.emit('job-done', { ...queued, state: 'done' });
    const { code, out, err } = await run.done;
    expect(code).toBe(0);
    expect(err).toContain('#12 checkpoints/sd_xl_base_1.0.safetensors: copied, 6.5 GiB\n');
    expect(err).toContain('#13 loras/style.safetensors: copied, 220 MiB\n');
    expect(err.match(/54 %/g)).toHaveLength(1);
    expect(err).not.toContain('other');
    expect(out).toContain('3 of 3 files ready');
  });

  test('with a bar for each running copy on a terminal', async () => {
    await using daemon = await answering(copying);
    const run = startCli(['warm', 'x'], { stateDir: daemon.stateDir, columns: 80 });
    await run.err.until('█████░░░░░ 54 % of 6.5 GiB, 412 MiB/s, 8s left  check');
    await daemon.emit('job-done', done);
    const { code, err } = await run.done;
    expect(code).toBe(0);
    expect(err).toContain('#12 checkpoints/sd_xl_base_1.0.safetensors: copied, 6.5 GiB');
  });

  test('and says which one failed and why, with exit code 1', async () => {
    await using daemon = await answering(ready, waiting);
    const run = startCli(['warm', 'x'], { stateDir: daemon.stateDir });
    await daemon.emit('job-failed', failed);
    const { code, out } = await run.done;
    expect(code).toBe(1);
    expect(out).toMatch(/missing +220 MiB +\/mnt\/next +the disk answered EIO/);
    expect(out).toContain('1 of 2 files ready');
  });

  test('and with --json prints the API form of how it ended, and no progress', async () => {
    await using daemon = await answering(copying, missing);
    const run = startCli(['warm', 'x', '--json'], { stateDir: daemon.stateDir });
    await daemon.emit('job-done', done);
    const { code, out, err } = await run.done;
    expect(code).toBe(1);
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual({
      items: [{ ...copying, ...said('HIT'), ready: true, job: done }, missing],
      ready: 1,
      missing: 1,
    });
  });

  test('and calls a model whose other files are missing not ready', async () => {
    const alone = { ...copying, reason: 'COPYING' as const, message: 'the disk answered EIO' };
    await using daemon = await startFakeDaemon({ [key]: () => ({ items: [alone], ready: 0, missing: 1 }) });
    const run = startCli(['warm', 'x'], { stateDir: daemon.stateDir });
    await daemon.emit('job-done', done);
    const { code, out } = await run.done;
    expect(code).toBe(1);
    expect(out).toMatch(/missing +220 MiB +\/mnt\/big +the disk answered EIO/);
  });

  test('but not on a daemon that has gone', async () => {
    await using daemon = await answering(copying);
    const run = startCli(['warm', 'x'], { stateDir: daemon.stateDir });
    await run.err.until('54 %');
    daemon.endStreams();
    const { code, err } = await run.done;
    expect(code).toBe(3);
    expect(err).toContain('the daemon went away before the copies were ready');
  });

  test('and does not wait for what autocached leaves alone on purpose', async () => {
    await using daemon = await answering(ready, small);
    const { code, out } = await runCli(['warm', 'x', '--wait'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toContain('1 of 1 file ready');
    expect(out).toContain('1 file left alone: smaller than AUTOCACHE_MIN_SIZE');
  });

  test('even when the end of a job was never heard of', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/jobs': () => ({ jobs: [done] }) });
    const client = await Client.find(daemon.stateDir);
    const end = new AbortController();
    const events = await client.events(end.signal);
    const ended = await waitForJobs([running, queued], { client, events, onUpdate: () => {}, quietMs: 1 });
    end.abort();
    expect([...ended]).toEqual([[12, done]]);
  });
});

test('warm asks what is there when it cannot know how a copy ended', async () => {
  let asked = 0;
  await using daemon = await startFakeDaemon({
    [key]: () => ({ items: [asked++ === 0 ? copying : { ...copying, ready: true, job: null }], ready: 0, missing: 1 }),
    'GET /api/jobs': () => ({ jobs: [] }),
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const run = startCli(['warm', 'x'], { stateDir: daemon.stateDir, cwd });
  await run.err.until('54 %');
  await vi.advanceTimersByTimeAsync(5_000);
  const { code, out } = await run.done;
  expect(code).toBe(0);
  expect(out).toContain('1 of 1 file ready');
  expect(daemon.bodies(key)).toEqual([
    { paths: [join(cwd, 'x')], names: [] },
    { paths: [join(cwd, 'x')], names: [], check: true },
  ]);
});

describe('warm --ram', () => {
  const inRam: WarmItem = { ...ready, tier: 'ram', reason: 'HIT_RAM' };

  test('waits for the copies on the SSD, then has them brought into memory', async () => {
    const answers = [ready, inRam];
    await using daemon = await startFakeDaemon({ [key]: () => ({ items: [answers.shift()], ready: 1, missing: 0 }) });
    const { code, out } = await runCli(['warm', 'loras/a.safetensors', '--ram'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toContain('1 of 1 file ready');
    const names = ['loras/a.safetensors'];
    expect(daemon.bodies(key)).toEqual([
      { paths: [], names },
      { paths: [], names, ram: true, wait: true },
    ]);
  });

  test('shows what the daemon says of a machine without a RAM tier', async () => {
    const message = 'there is no RAM tier: its copy is read once';
    await using daemon = await answering({ ...ready, message });
    const { code, out } = await runCli(['warm', 'loras/a.safetensors', '--ram'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toContain(message);
  });

  test('fails when something does not get into memory', async () => {
    await using daemon = await answering({
      ...ready,
      ready: false,
      message: 'the file is larger than the limit of the ram tier',
    });
    const { code, out } = await runCli(['warm', 'loras/a.safetensors', '--ram'], { stateDir: daemon.stateDir });
    expect(code).toBe(1);
    expect(out).toContain('larger than the limit');
  });
});

describe('warm --no-wait', () => {
  test('queues and returns', async () => {
    await using daemon = await answering(copying, waiting);
    const { code, out } = await runCli(['warm', 'x', '--no-wait'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toMatch(/running +220 MiB +\/mnt\/big/);
    expect(out).toMatch(/queued +220 MiB +\/mnt\/next/);
  });

  test('fails when something cannot even be queued', async () => {
    await using daemon = await answering(copying, missing);
    expect((await runCli(['warm', 'x', '--no-wait'], { stateDir: daemon.stateDir })).code).toBe(1);
  });
});

describe('warm --check', () => {
  test('copies nothing, and ends with exit code 4 when something is missing', async () => {
    await using daemon = await answering(ready, missing);
    const { code, out } = await runCli(['warm', 'x', '--check'], { stateDir: daemon.stateDir, cwd });
    expect(code).toBe(4);
    expect(out).toMatch(/missing +- +\/mnt\/gone +there is no such file/);
    expect(daemon.bodies(key)).toEqual([{ paths: [join(cwd, 'x')], names: [], check: true }]);
  });

  test('ends with exit code 0 when all is there that is to be there', async () => {
    await using daemon = await answering(ready, small);
    expect((await runCli(['warm', 'x', '--check'], { stateDir: daemon.stateDir })).code).toBe(0);
  });
});

test.each([
  [[], 1],
  [['--check'], 4],
])('warm %j of a file below no known root is no success: it will never be cached', async (options, exitCode) => {
  await using daemon = await answering({ ...missing, ...said('BYPASS_UNKNOWN_ROOT') });
  const { code, out } = await runCli(['warm', 'x', ...options], { stateDir: daemon.stateDir });
  expect(code).toBe(exitCode);
  expect(out).toMatch(/missing .*not inside a configured model folder/);
});

describe('warm takes', () => {
  test('files, names, a list file, and a list on standard input', async () => {
    await writeFile(join(cwd, 'list.txt'), 'loras/b # from the file\n');
    await using daemon = await answering(ready);
    const input = 'checkpoints:c\n/mnt/d\n';
    const args = ['warm', '/mnt/a', '--from', 'list.txt', '-', '--no-wait'];
    expect((await runCli(args, { stateDir: daemon.stateDir, cwd, input })).code).toBe(0);
    expect(daemon.bodies(key)).toEqual([
      { paths: [resolve('/mnt/a'), resolve('/mnt/d')], names: ['checkpoints/c', 'loras/b'] },
    ]);
  });

  test('a directory for all the files below it, and only counts the many it leaves alone', async () => {
    await mkdir(join(cwd, 'models'));
    for (const name of ['a.safetensors', 'b.txt']) await writeFile(join(cwd, 'models', name), 'x');
    await using daemon = await answering(ready, ...Array.from({ length: 9 }, () => small));
    const { code, out } = await runCli(['warm', 'models', '--no-wait'], { stateDir: daemon.stateDir, cwd });
    expect(code).toBe(0);
    expect(daemon.bodies(key)).toEqual([
      { paths: [join(cwd, 'models', 'a.safetensors'), join(cwd, 'models', 'b.txt')], names: [] },
    ]);
    expect(out).toContain('9 files left alone: smaller than AUTOCACHE_MIN_SIZE');
    expect(out).not.toContain('/mnt/small.txt');
  });

  test('nothing as wrong use', async () => {
    await using daemon = await answering();
    const { code, err } = await runCli(['warm'], { stateDir: daemon.stateDir });
    expect(code).toBe(2);
    expect(err).toContain('nothing to warm');
  });

  test('a list that is not there as wrong use', async () => {
    await using daemon = await answering();
    const { code, err } = await runCli(['warm', '--from', 'gone.txt'], { stateDir: daemon.stateDir, cwd });
    expect(code).toBe(2);
    expect(err).toContain('gone.txt: no such file or directory');
  });
});
