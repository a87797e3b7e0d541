import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FakeDaemon, startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';
import { removal } from './samples.ts';

const key = 'POST /api/cache/clear';

function daemonThatClears(): Promise<FakeDaemon> {
  return startFakeDaemon({ [key]: ({ body }) => ({ ...removal, dryRun: (body as { dryRun?: true }).dryRun ?? false }) });
}

describe('purge without --yes', () => {
  test('deletes nothing when there is nobody to ask', async () => {
    await using daemon = await daemonThatClears();
    const { code, err } = await runCli(['purge', '--all'], { stateDir: daemon.stateDir });
    expect(code).toBe(2);
    expect(err).toContain('there is nobody to ask here');
    expect(err).toContain('add --yes');
    expect(daemon.bodies(key)).toEqual([{ all: true, dryRun: true }]);
  });

  test('deletes nothing for a program that reads JSON, even on a terminal', async () => {
    await using daemon = await daemonThatClears();
    const { code, out } = await runCli(['purge', '--all', '--json'], { stateDir: daemon.stateDir, interactive: true });
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'BAD_REQUEST' } });
    expect(daemon.bodies(key)).toEqual([{ all: true, dryRun: true }]);
  });

  test.each(['n\n', '\n', 'ye\n'])('shows what would go, and on %j deletes nothing', async (input) => {
    await using daemon = await daemonThatClears();
    const { code, out, err } = await runCli(['purge', '--all'], { stateDir: daemon.stateDir, interactive: true, input });
    expect(code).toBe(1);
    expect(err).toContain('/mnt/nas/models/checkpoints/SDXL/sd_xl_base_1.0.safetensors');
    expect(err).toContain('Delete 1 copy, 6.46 GiB? [y/N]');
    expect(out).toBe('nothing deleted\n');
    expect(daemon.bodies(key)).toEqual([{ all: true, dryRun: true }]);
  });

  test.each(['y\n', 'YES\n'])('shows what would go, and on %j deletes it', async (input) => {
    await using daemon = await daemonThatClears();
    const { code, out } = await runCli(['purge', '--all'], { stateDir: daemon.stateDir, interactive: true, input });
    expect(code).toBe(0);
    expect(out).toContain('deleted 1 copy, 6.46 GiB');
    expect(daemon.bodies(key)).toEqual([{ all: true, dryRun: true }, { all: true }]);
  });

  test.each([true, false])('asks nothing when there is nothing to delete, also without a terminal', async (interactive) => {
    await using daemon = await startFakeDaemon({
      [key]: () => ({ dryRun: true, files: 0, of: 0, bytes: 0, removed: [], skipped: [] }),
    });
    const { code, out } = await runCli(['purge', '--glob', 'x'], { stateDir: daemon.stateDir, interactive });
    expect(code).toBe(0);
    expect(out).toBe('nothing to delete\n');
  });
});

describe('purge', () => {
  test('without a filter and without --all is wrong use: it would delete everything', async () => {
    await using daemon = await daemonThatClears();
    const { code, err } = await runCli(['purge', '--yes'], { stateDir: daemon.stateDir });
    expect(code).toBe(2);
    expect(err).toContain('say which copies to delete');
    expect(daemon.asked).toEqual([]);
  });

  test('--yes sends exactly the filters', async () => {
    await using daemon = await daemonThatClears();
    const filters = ['--category', 'loras', '--root', 'models', '--older-than', '30d', '--larger-than', '5GiB'];
    const args = ['purge', ...filters, '--glob', '*fp8*', '--tier', 'ssd', '--yes'];
    expect((await runCli(args, { stateDir: daemon.stateDir, cwd: '/mnt' })).code).toBe(0);
    expect(daemon.bodies(key)).toEqual([
      {
        category: 'loras',
        root: resolve('/mnt/models'),
        olderThanMs: 30 * 86_400_000,
        largerThan: 5 * 1024 ** 3,
        glob: '*fp8*',
        tier: 'ssd',
      },
    ]);
  });

  test('--dry-run needs no confirmation and deletes nothing', async () => {
    await using daemon = await daemonThatClears();
    const { code, out } = await runCli(['purge', '--all', '--dry-run'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toContain('would delete 1 copy, 6.46 GiB');
    expect(daemon.bodies(key)).toEqual([{ all: true, dryRun: true }]);
  });

  test('without a terminal says how much it frees, and how many of all copies it removes, before and after', async () => {
    await using daemon = await daemonThatClears();
    const run = (...words: string[]) => runCli(['purge', '--all', ...words], { stateDir: daemon.stateDir });
    const { err } = await run();
    expect(err).toContain('--dry-run to see how much it frees');
    expect((await run('--dry-run')).out).toContain('frees 6.46 GiB, removes 1 of 41 copies');
    expect((await run('--yes')).out).toContain('deleted 1 copy, 6.46 GiB; 40 of 41 are left');
  });

  test('--json is exactly what the API answered', async () => {
    await using daemon = await daemonThatClears();
    const { out } = await runCli(['purge', '--all', '--yes', '--json'], { stateDir: daemon.stateDir });
    expect(JSON.parse(out)).toEqual({ ...removal, dryRun: false });
  });

  test('names only the first of very many files on a terminal', async () => {
    const removed = Array.from({ length: 100 }, (_, id) => ({ id, path: `/mnt/file-${id}.ckpt`, bytes: 1 }));
    await using daemon = await startFakeDaemon({
      [key]: () => ({ dryRun: true, files: 100, of: 100, bytes: 100, removed, skipped: [] }),
    });
    const args = ['purge', '--all', '--dry-run'];
    const screen = await runCli(args, { stateDir: daemon.stateDir, columns: 80 });
    expect(screen.out).toContain('and 80 more');
    const file = await runCli(args, { stateDir: daemon.stateDir });
    expect(file.out).toContain('/mnt/file-99.ckpt');
  });
});
