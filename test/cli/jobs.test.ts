import { describe, expect, test } from 'vitest';
import type { EventMap } from '../../src/api/event-map.ts';
import { type FakeDaemon, refuse, startFakeDaemon } from './fake-daemon.ts';
import { runCli, startCli } from './run-cli.ts';
import { hddAway, queued, running } from './samples.ts';

const failed = { ...queued, state: 'failed', error: { code: 'SOURCE_IO', message: 'the disk answered EIO' } } as const;

describe('jobs', () => {
  test('shows what runs, how fast, how long it will take, and what waits', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/jobs': () => ({ jobs: [running, queued, failed] }) });
    const { code, out } = await runCli(['jobs'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toMatch(/12 +wait +checkpoints\/sd_xl_base_1\.0\.safetensors +54 % of 6\.5 GiB, 412 MiB\/s, 8s left/);
    expect(out).toMatch(/13 +warm +loras\/style\.safetensors +queued, 220 MiB/);
    expect(out).toContain('failed: the disk answered EIO');
  });

  test('says that no copies are running', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/jobs': () => ({ jobs: [] }) });
    expect((await runCli(['jobs'], { stateDir: daemon.stateDir })).out).toBe('no copies are running\n');
  });

  test('--cancel stops one', async () => {
    await using daemon = await startFakeDaemon({ 'DELETE /api/jobs/12': () => ({ job: running }) });
    const { code, out } = await runCli(['jobs', '--cancel', '12'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toBe('job #12 is cancelled\n');
  });

  test('--cancel of a job that is over says so', async () => {
    await using daemon = await startFakeDaemon({
      'DELETE /api/jobs/12': (_asked, response) => refuse(response, 404, { code: 'NOT_FOUND', message: 'there is no job 12' }),
    });
    const { code, err } = await runCli(['jobs', '--cancel', '12'], { stateDir: daemon.stateDir });
    expect(code).toBe(1);
    expect(err).toBe('autocached: there is no job 12\n');
  });

  test.each([
    ['--pause', 'pause', 'Copying is paused'],
    ['--resume', 'resume', 'Copying is resumed.'],
  ])('%s is told to the daemon', async (option, action, says) => {
    await using daemon = await startFakeDaemon({ [`POST /api/jobs/${action}`]: () => ({ paused: action === 'pause' }) });
    const { code, out } = await runCli(['jobs', option], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toContain(says);
  });

  test('says that copying is paused, so that nobody waits for them', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/jobs': () => ({ jobs: [queued], paused: true }) });
    expect((await runCli(['jobs'], { stateDir: daemon.stateDir })).out).toMatch(/^paused\n/);
  });

  test('--follow goes on until the daemon stops', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/jobs': () => ({ jobs: [running] }) });
    const run = startCli(['jobs', '--follow'], { stateDir: daemon.stateDir });
    await run.err.until('54 %');
    await daemon.emit('job-failed', failed);
    await run.err.until('#13 loras/style.safetensors: failed: the disk answered EIO');
    daemon.endStreams();
    const { code, err } = await run.done;
    expect(code).toBe(3);
    expect(err).toContain('the daemon has stopped');
  });

  test('--follow --json is a job a line', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/jobs': () => ({ jobs: [] }) });
    const run = startCli(['jobs', '--follow', '--json'], { stateDir: daemon.stateDir });
    await daemon.emit('mode-changed', { mode: 'off' });
    await daemon.emit('job-started', running);
    await run.out.until('\n');
    daemon.endStreams();
    await run.done;
    expect(JSON.parse(run.out.text.split('\n')[0] ?? '')).toEqual(running);
  });
});

describe('events', () => {
  const all: [keyof EventMap, EventMap[keyof EventMap], string][] = [
    ['job-queued', queued, 'job-queued    #13 loras/style.safetensors, 220 MiB'],
    ['job-progress', running, 'job-progress  #12 checkpoints/sd_xl_base_1.0.safetensors: 54 % of 6.5 GiB, 412 MiB/s, 8s left'],
    ['job-failed', failed, 'job-failed    #13 loras/style.safetensors: the disk answered EIO'],
    ['copy-stale', { entry: 7, path: '/mnt/a' }, 'copy-stale    /mnt/a has changed; its copy is no longer used'],
    ['entry-evicted', { entry: 7, path: '/mnt/a', bytes: 1024, why: 'room for /mnt/b' }, '/mnt/a, 1 KiB: room for /mnt/b'],
    ['root-health', hddAway, 'root-health   /mnt/hdd/models is away: does not answer'],
    ['mode-changed', { mode: 'off' }, 'mode-changed  off'],
  ];

  async function listen(daemon: FakeDaemon, args: string[]): Promise<string[]> {
    const run = startCli(['events', ...args], { stateDir: daemon.stateDir });
    for (const [name, data] of all) await daemon.emit(name, data);
    await daemon.emit('something-new' as 'mode-changed', { mode: 'off' });
    await run.out.until('{"mode":"off"}');
    daemon.endStreams();
    expect((await run.done).code).toBe(3);
    return run.out.text.trimEnd().split('\n');
  }

  test('are lines that people can read', async () => {
    await using daemon = await startFakeDaemon();
    const lines = await listen(daemon, []);
    for (const [index, [, , text]] of all.entries()) expect(lines[index]).toContain(text);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d {2}job-queued/);
  });

  test('are an object a line with --json', async () => {
    await using daemon = await startFakeDaemon();
    const lines = await listen(daemon, ['--json']);
    expect(lines.slice(0, all.length).map((line) => JSON.parse(line))).toEqual(all.map(([event, data]) => ({ event, data })));
  });
});
