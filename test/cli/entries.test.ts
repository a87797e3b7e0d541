import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { widthOf } from '../../src/cli/text/fit.ts';
import { startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';
import { checkpoint, lora, removal, story } from './samples.ts';

const entries = { total: 70, entries: [checkpoint, lora] };

describe('list', () => {
  test('shows where each file is, how big and how much used, and what protects it', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/cache/entries': () => entries });
    const { code, out } = await runCli(['list'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toMatch(
      / 7 {2}SDXL\/sd_xl_base_1\.0\.safetensors +checkpoints +6\.46 GiB +ssd +1,204 +\S+ ago +pinned, leased/,
    );
    expect(out).toMatch(/ 8 {2}画风\.safetensors +loras +220 MiB +- +0 +never/);
    expect(out).toContain('2 of 70 files; --limit shows more');
  });

  test('fits 80 columns, and keeps both ends of the names', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/cache/entries': () => entries });
    const { out } = await runCli(['list'], { stateDir: daemon.stateDir, columns: 80 });
    expect(out).toMatch(/SDXL\/\S*…\S*\.safetensors/);
    expect(Math.max(...out.split('\n').map(widthOf))).toBeLessThanOrEqual(80);
  });

  test('tells a copy that is on its way from one that serves', async () => {
    const [copy] = checkpoint.copies;
    const copying = { ...checkpoint, copies: [{ ...copy, state: 'copying' }] };
    await using daemon = await startFakeDaemon({ 'GET /api/cache/entries': () => ({ total: 1, entries: [copying] }) });
    expect((await runCli(['list'], { stateDir: daemon.stateDir })).out).toContain('(copying)');
  });

  test('asks for exactly what the filters say', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/cache/entries': () => ({ total: 0, entries: [] }) });
    const filters = ['--category', 'loras', '--root', 'models', '--glob', '*fp8*', '--cached', '--pinned'];
    const { out } = await runCli(['list', ...filters, '--sort', 'size', '--limit', '3'], {
      stateDir: daemon.stateDir,
      cwd: '/mnt',
    });
    expect(daemon.asked[0]?.query).toEqual({
      category: 'loras',
      root: resolve('/mnt/models'),
      glob: '*fp8*',
      cached: 'true',
      pinned: 'true',
      sort: 'size',
      descending: 'true',
      limit: '3',
    });
    expect(out).toBe('no file matches\n');
  });

  test('--json is exactly what the API answered', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/cache/entries': () => entries });
    const { out } = await runCli(['list', '--json'], { stateDir: daemon.stateDir });
    expect(JSON.parse(out)).toEqual(entries);
  });
});

describe('pin, unpin and evict', () => {
  test.each(['pin', 'unpin'])('%s takes ids, paths and names, and says what it did', async (command) => {
    await using daemon = await startFakeDaemon({
      [`POST /api/cache/${command}`]: () => ({ entries: [checkpoint], directories: [] }),
    });
    const { code, out } = await runCli([command, '7', '/a', 'loras/b'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(daemon.asked[0]?.body).toEqual({ ids: [7], paths: [resolve('/a')], names: ['loras/b'] });
    expect(out).toBe(`${command}ned 1 file, 6.46 GiB\n  checkpoints/SDXL/sd_xl_base_1.0.safetensors\n`);
  });

  test('evict says what it is about to delete, what it deleted, and what it left and why', async () => {
    await using daemon = await startFakeDaemon({ 'POST /api/cache/evict': () => ({ ...removal, dryRun: false }) });
    const { code, out, err } = await runCli(['evict', '7', '8'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toContain('deleted 1 copy, 6.46 GiB');
    expect(out).toMatch(/left in place: 1\n.*\n220 MiB {2}\/mnt\/nas\/models\/loras\/画风.safetensors {2}in use/);
    expect(err).toMatch(/^frees 6.46 GiB, removes 1 of \d+ copies\n/);
    expect(daemon.asked.map(({ body }) => body)).toEqual([{ ids: [7, 8], dryRun: true }, { ids: [7, 8] }]);
  });

  test('evict --dry-run deletes nothing and says so', async () => {
    await using daemon = await startFakeDaemon({ 'POST /api/cache/evict': () => removal });
    const { out } = await runCli(['evict', '7', '--dry-run'], { stateDir: daemon.stateDir });
    expect(daemon.asked[0]?.body).toEqual({ ids: [7], dryRun: true });
    expect(out).toContain('would delete 1 copy, 6.46 GiB');
  });

  test('evict that could delete nothing of what it was told to has failed', async () => {
    await using daemon = await startFakeDaemon({
      'POST /api/cache/evict': () => ({ ...removal, dryRun: false, files: 0, bytes: 0, removed: [] }),
    });
    const { code, out } = await runCli(['evict', '8'], { stateDir: daemon.stateDir });
    expect(code).toBe(1);
    expect(out).toContain('nothing to delete');
  });
});

describe('explain', () => {
  test('tells the whole story of a file', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/cache/explain': () => story });
    const { code, out } = await runCli(['explain', 'SDXL/x.safetensors'], { stateDir: daemon.stateDir, cwd: '/mnt/nas' });
    expect(code).toBe(0);
    expect(daemon.asked[0]?.query).toEqual({ path: resolve('/mnt/nas/SDXL/x.safetensors') });
    expect(out).toContain('now     HIT: a verified copy is on the SSD');
    expect(out).toContain('root    /mnt/nas/models (nas, detected; ok)');
    expect(out).toContain('file    #7, checkpoints, 6.46 GiB, 1,204 uses');
    expect(out).toContain('copy    ready on ssd, 6.46 GiB: /home/me/.cache/autocached');
    expect(out).toContain('in use  by comfyui, for 9m');
    expect(out).toContain(`sha256  ${'ab'.repeat(32)}`);
    expect(out).toContain('score   0.1235');
    expect(out).toMatch(/COPYING +load +-/);
  });

  test('tells of a file below no root what would have to be done', async () => {
    const nothing = { path: '/a', entry: null, root: null, leases: [], decisions: [], score: null };
    await using daemon = await startFakeDaemon({
      'GET /api/cache/explain': () => ({ ...nothing, now: { reason: 'BYPASS_UNKNOWN_ROOT', path: '/a' } }),
    });
    const { out } = await runCli(['explain', '/a'], { stateDir: daemon.stateDir });
    expect(out).toContain('not inside a configured model folder (AUTOCACHE_ROOTS)');
    expect(out).toContain('not known yet');
  });
});
