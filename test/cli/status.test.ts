import { describe, expect, test, vi } from 'vitest';
import type { StatsAnswer } from '../../src/api/stats.ts';
import { widthOf } from '../../src/cli/text/fit.ts';
import { patience } from '../helpers/patience.ts';
import { type FakeDaemon, startFakeDaemon } from './fake-daemon.ts';
import { runCli, startCli } from './run-cli.ts';
import { checkpoint, lora, queued, running, stats } from './samples.ts';

function daemonWith(changes: Partial<StatsAnswer> = {}): Promise<FakeDaemon> {
  return startFakeDaemon({
    'GET /api/cache/stats': () => ({ ...stats, ...changes }),
    'GET /api/jobs': () => ({ jobs: [running, queued] }),
    'GET /api/cache/entries': ({ query }) => ({ total: 2, entries: query['sort'] === 'uses' ? [checkpoint, lora] : [lora] }),
  });
}

async function page(daemon: FakeDaemon, columns?: number): Promise<string> {
  const { code, out } = await runCli(['status'], { stateDir: daemon.stateDir, ...(columns && { columns }) });
  expect(code).toBe(0);
  return out;
}

describe('status tells at a glance', () => {
  test('how full the disk is, how useful the cache was, and what runs', async () => {
    await using daemon = await daemonWith();
    const out = await page(daemon);
    expect(out).toContain('132 GiB used + 6.5 GiB reserved of 200 GiB in 41 files');
    expect(out).toContain('91 % of 1,320 loads; by bytes 94 %');
    expect(out).toContain('about 3h 12m of loading');
    expect(out).toContain('54 % of 6.5 GiB, 412 MiB/s, 8s left');
    expect(out).toContain('1 more waiting, 220 MiB');
    expect(out).toContain('hit 0.31ms (p99 1.12ms), miss 0.52ms (p99 2.05ms)');
    expect(out).toContain('mode read-write, policy lru, cache in /home/me/.cache/autocached');
    expect(out).toContain('running for 3d 4h');
  });

  test('that copies wait until it is known what lies in the cache', async () => {
    await using daemon = await daemonWith({ accounting: { seen: 34_000 } });
    expect(await page(daemon)).toContain('accounting for the files in the cache, 34,000 looked at; copies start after that');
  });

  test('what ComfyUI still reads from its source, and what to do', async () => {
    const path = '/mnt/nas/models/unet/big.safetensors';
    await using daemon = await daemonWith({ stuck: [{ path, size: 6 * 1024 ** 3, app: 'comfyui', pid: 42 }] });
    const out = await page(daemon);
    expect(out).toMatch(/6 GiB {2}comfyui 42 {2}\/mnt\/nas\/models\/unet\/big\.safetensors/);
    expect(out).toContain('AUTOCACHE_COMFYUI_FREE=auto');
    await using other = await daemonWith();
    expect(await page(other)).not.toContain('AUTOCACHE_COMFYUI_FREE');
  });

  test('which root is away, why, and that nothing is lost by it', async () => {
    await using daemon = await daemonWith();
    const out = await page(daemon);
    expect(out).toMatch(/\/mnt\/hdd\/models +hdd +- +away: does not answer/);
    expect(out).toMatch(/\/mnt\/nas\/models +nas +1,204 +ok/);
    expect(out).toContain('cached models from an offline folder keep working');
  });

  test('the biggest copies, and the most used files without those never used', async () => {
    await using daemon = await daemonWith();
    const [, biggest = '', mostUsed = ''] = (await page(daemon)).split(/Biggest copies|Most used/);
    expect(biggest).toContain('loras/画风.safetensors');
    expect(mostUsed).toContain('1,204 uses  checkpoints/SDXL/sd_xl_base_1.0.safetensors');
    expect(mostUsed).not.toContain('loras/');
    expect(daemon.asked.map(({ query }) => query)).toContainEqual({
      cached: 'true',
      sort: 'size',
      descending: 'true',
      limit: '5',
    });
  });

  test('what to do when it knows no root and nothing was asked for', async () => {
    await using daemon = await daemonWith({ roots: [], hitRate: null, byteHitRate: null });
    const out = await page(daemon);
    expect(out).toContain('none: set AUTOCACHE_ROOTS, or run: autocached comfyui install DIR');
    expect(out).toContain('no loads yet');
  });

  test.each([80, 100, 200])('within %d columns', async (columns) => {
    await using daemon = await daemonWith({ dir: `/home/${'me/'.repeat(60)}` });
    const lines = (await page(daemon, columns)).split('\n').map(widthOf);
    expect(Math.max(...lines)).toBeLessThanOrEqual(columns);
  });
});

test('status --json is the answer of the API and nothing else, for one request', async () => {
  await using daemon = await daemonWith();
  const { out } = await runCli(['status', '--json'], { stateDir: daemon.stateDir });
  expect(JSON.parse(out)).toEqual(stats);
  expect(daemon.asked.map(({ key }) => key)).toEqual(['GET /api/cache/stats']);
});

describe('status --ram', () => {
  const ram = { ...stats.tiers[0], tier: 'ram', files: 1, bytes: 6_938_040_682, hits: 31, evictions: 2, rejected: 1 };
  const inRam = {
    ...checkpoint,
    copies: [{ ...checkpoint.copies[0], tier: 'ram' }],
    use: [{ tier: 'ram', hits: 31, evictions: 2, rejected: 1, loads: 4, averageLoadMs: 1500 }],
  };
  const routes = (tiers: unknown[]) => ({
    'GET /api/cache/stats': () => ({ ...stats, tiers }),
    'GET /api/cache/entries': () => ({ total: 1, entries: [inRam] }),
  });

  test('shows the models in memory with their hits, load times and ages', async () => {
    await using daemon = await startFakeDaemon(routes([...stats.tiers, { ...ram, loads: 4, averageLoadMs: 1500 }]));
    const { code, out } = await runCli(['status', '--ram'], { stateDir: daemon.stateDir, columns: 80 });
    expect(code).toBe(0);
    expect(out).toContain('Models in memory: 1, 6.46 GiB of 200 GiB (3 %)');
    expect(out).toContain('31 hits, 2 evictions, 1 rejected, average load time 1.5s');
    expect(out).toMatch(/xl_base_1\.0\.safetensors +6\.46 GiB +31 +1\.5s/);
    expect(Math.max(...out.split('\n').map(widthOf))).toBeLessThanOrEqual(80);
    expect(daemon.asked.find(({ key }) => key === 'GET /api/cache/entries')?.query).toMatchObject({ tier: 'ram' });
  });

  test('says how to have a RAM tier where there is none', async () => {
    await using daemon = await startFakeDaemon(routes(stats.tiers));
    const { out } = await runCli(['status', '--ram'], { stateDir: daemon.stateDir });
    expect(out).toContain('AUTOCACHE_RAM_LIMIT');
  });
});

test('status --watch shows the page anew until nobody reads it', async () => {
  await using daemon = await daemonWith();
  const { done, out } = startCli(['status', '--watch', '10ms'], { stateDir: daemon.stateDir, columns: 80 });
  const times = () => out.text.split('running for').length - 1;
  await vi.waitFor(() => expect(times()).toBeGreaterThanOrEqual(3), { timeout: patience(7_000), interval: 20 });
  out.emit('error', new Error('its reader is gone'));
  expect((await done).code).toBe(0);
  expect(out.text.startsWith('\u001b[H\u001b[J')).toBe(true);
});

test('status --watch does not clear what it writes over, is drawn anew when the terminal changes, and ends with q', async () => {
  await using daemon = await daemonWith();
  const {
    done,
    out,
    in: keys,
  } = startCli(['status', '--watch', '1h'], {
    stateDir: daemon.stateDir,
    columns: 80,
    interactive: true,
  });
  await out.until('running for');
  out.rows = 5;
  const before = out.text.length;
  out.emit('resize');
  await vi.waitFor(() => expect(out.text.length).toBeGreaterThan(before), { timeout: patience(7_000), interval: 20 });
  const again = out.text.slice(before);
  expect(again.startsWith('\u001b[H')).toBe(true);
  expect(again.indexOf('\u001b[J')).toBe(again.length - 3);
  expect(again.split('\n')).toHaveLength(5);
  keys.write('q');
  expect((await done).code).toBe(0);
});

test('status --ram --watch ends with Ctrl-C', async () => {
  await using daemon = await daemonWith();
  const {
    done,
    out,
    in: keys,
  } = startCli(['status', '--ram', '--watch', '1h'], {
    stateDir: daemon.stateDir,
    columns: 80,
    interactive: true,
  });
  await out.until('\u001b[J');
  keys.write('\u0003');
  expect((await done).code).toBe(0);
});

test('status --watch --json writes one object a line', async () => {
  await using daemon = await daemonWith();
  const { done, out } = startCli(['status', '--watch', '10ms', '--json'], { stateDir: daemon.stateDir });
  await vi.waitFor(() => expect(out.text.split('\n').length).toBeGreaterThan(3), { timeout: patience(7_000), interval: 20 });
  out.emit('error', new Error('its reader is gone'));
  await done;
  for (const line of out.text.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ version: '0.1.0' });
});
