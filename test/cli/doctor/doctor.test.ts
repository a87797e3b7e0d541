import { mkdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { runDaemon } from '../../helpers/daemon.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { runCli } from '../run-cli.ts';

/** The environment of the commands: directories of their own, and no ComfyUI where one usually listens. */
function environment(settings: Record<string, string> = {}) {
  const dir = tempDir();
  for (const [key, value] of Object.entries({ AUTOCACHE_DIR: join(dir, 'ssd'), ...settings })) vi.stubEnv(key, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  return { dir, stateDir: join(dir, 'state') };
}

const noComfyui = ['--url', 'http://127.0.0.1:1'];

describe('autocached doctor', () => {
  test('with a daemon says how all is, and what to do', async () => {
    const daemon = await runDaemon({ 'loras/a.safetensors': 9 * 1024 ** 2 });
    environment();
    const { code, out } = await runCli(['doctor', ...noComfyui], { stateDir: daemon.stateDir, cwd: daemon.dir });
    expect(out).toMatch(/^ok +daemon +autocached \S+ runs/m);
    expect(out).toMatch(/^\w+ +source .*4 KiB reads .* 1 MiB reads/m);
    expect(out).toMatch(/^warn +comfyui +none answers/m);
    expect(out).toMatch(/do: start it/);
    expect(out).toContain('0 failures');
    expect(code).toBe(0);
  });

  test('without one finds what it can, and exits with 4', async () => {
    const { dir, stateDir } = environment({ AUTOCACHE_LISTEN: '127.0.0.1:0' });
    const comfy = join(dir, 'comfy');
    for (const name of ['models/loras', 'custom_nodes', 'extra_paths.yaml']) mkdirSync(join(comfy, name), { recursive: true });
    const { code, out } = await runCli(['doctor', comfy, ...noComfyui, '--json'], { stateDir, cwd: dir });
    const { findings, fail } = JSON.parse(out);
    expect(findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ check: 'daemon', verdict: 'fail', todo: 'autocached start --detach' }),
        expect.objectContaining({ check: 'cache', verdict: 'warn', says: expect.stringContaining('does not exist yet') }),
        expect.objectContaining({ check: 'comfyui', verdict: 'warn', says: `${comfy}/extra_paths.yaml is a folder` }),
        expect.objectContaining({ check: 'source', says: expect.stringContaining(join(comfy, 'models')) }),
        expect.objectContaining({ check: 'shim', verdict: 'fail', todo: `autocached comfyui install ${comfy}` }),
      ]),
    );
    expect(fail).toBe(2);
    expect(code).toBe(4);
  });

  test('names the port that another program has', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { dir, stateDir } = environment({ AUTOCACHE_LISTEN: `127.0.0.1:${port}` });
    const { out } = await runCli(['doctor', ...noComfyui], { stateDir, cwd: dir });
    expect(out).toContain(`another program has 127.0.0.1:${port}`);
  });

  test('works with settings that nothing else would start with', async () => {
    const { dir, stateDir } = environment({ AUTOCACHE_LIMIT: 'lots' });
    const { code, out } = await runCli(['doctor', ...noComfyui], { stateDir, cwd: dir });
    expect(out).toMatch(/^fail +config .*AUTOCACHE_LIMIT/ms);
    expect(code).toBe(4);
  });

  test.skipIf(process.platform === 'win32')(
    'a state directory that is a link to itself is said in lines, with a remedy that fits',
    async () => {
      const { dir, stateDir } = environment();
      symlinkSync(stateDir, stateDir);
      const { out } = await runCli(['doctor', ...noComfyui], { stateDir, cwd: dir });
      expect(out).toMatch(/^fail +config .*:\n +\S+\.env: cannot be read: ELOOP: too many symbolic links encountered$/m);
      const { err } = await runCli(['status'], { stateDir, cwd: dir });
      expect(err).toContain('daemon.json cannot be read: too many symbolic links encountered');
      expect(err).toContain('AUTOCACHE_STATE');
      expect(err).not.toContain('as the user that started');
    },
  );

  test('refuses what is no ComfyUI and no address', async () => {
    const { dir, stateDir } = environment();
    expect(await runCli(['doctor', join(dir, 'none')], { stateDir, cwd: dir })).toMatchObject({ code: 2 });
    expect(await runCli(['doctor', '--url', 'off'], { stateDir, cwd: dir })).toMatchObject({ code: 2 });
  });
});
