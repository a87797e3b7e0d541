import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { runCli, startCli } from './run-cli.ts';

describe.skipIf(process.platform === 'win32')('init', () => {
  let home = '';
  let file = '';
  let comfyui = '';
  beforeEach(() => {
    home = tempDir();
    file = join(home, 'config', 'autocached', 'config.env');
    comfyui = join(home, 'ComfyUI');
    vi.stubEnv('HOME', home);
    vi.stubEnv('XDG_CONFIG_HOME', join(home, 'config'));
    vi.stubEnv('XDG_STATE_HOME', join(home, 'state'));
    vi.stubEnv('XDG_CACHE_HOME', join(home, 'cache'));
    // No ComfyUI of this machine is asked.
    vi.stubEnv('AUTOCACHE_COMFYUI_URL', 'http://127.0.0.1:9');
    for (const dir of ['custom_nodes', 'models/checkpoints']) mkdirSync(join(comfyui, dir), { recursive: true });
    for (const name of ['main.py', 'folder_paths.py']) writeFileSync(join(comfyui, name), '');
    writeFileSync(join(comfyui, 'comfyui_version.py'), '__version__ = "0.9.1"\n');
    writeModel(join(comfyui, 'models/checkpoints/a.safetensors'), 3_000_000);
  });
  const init = (...args: string[]) => runCli(['init', ...args], { cwd: home });

  test('--yes finds ComfyUI and its disks, writes the settings, and they are what the daemon reads', async () => {
    const { code, out, err } = await init('--yes', '--dir', 'fast/cache', '--limit', '20GiB', '--roots', 'more=nas');
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toContain(`${comfyui}  (0.9.1)`);
    expect(out).toMatch(/GiB free/);
    expect(out).toContain(`autocached comfyui install ${comfyui}`);
    const { config } = loadConfig({ cwd: '/', home, env: { XDG_CONFIG_HOME: join(home, 'config') } });
    expect(config).toMatchObject({
      dir: join(home, 'fast/cache'),
      comfyui: [comfyui],
      roots: [{ path: join(home, 'more'), kind: 'nas' }],
    });
    expect((await init('--yes', '--dir', 'fast/cache', '--limit', '20GiB', '--roots', 'more=nas')).out).toContain('already');
  });

  test("finds Arena AutoCache's directory, and says how its copies are taken over", async () => {
    const arena = join(home, 'fast', 'arena');
    writeModel(join(arena, 'checkpoints/SDXL/a.safetensors'), 3_000_000);
    mkdirSync(join(comfyui, 'user'));
    writeFileSync(join(comfyui, 'user/arena_autocache.env'), `ARENA_CACHE_ENABLE=1\nARENA_CACHE_ROOT="${arena}"\n`);
    const { out } = await init('--yes');
    expect(out).toContain(`Arena AutoCache\n  ${arena}  1 file, 2.86 MiB`);
    expect(out).toContain(`autocached take-over ${arena}`);
  });

  test('--yes leaves settings that are there, unless --overwrite: then all others stay, and the old file is kept', async () => {
    mkdirSync(join(home, 'config', 'autocached'), { recursive: true });
    const before = '# mine\nAUTOCACHE_JOBS=3\nAUTOCACHE_LIMIT=5GiB\n';
    writeFileSync(file, before);
    const refused = await init('--yes', '--limit', '20GiB');
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('--overwrite');
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect((await init('--yes', '--limit', '20GiB', '--overwrite')).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(`# mine\nAUTOCACHE_JOBS=3\nAUTOCACHE_LIMIT=20GiB\nAUTOCACHE_COMFYUI=${comfyui}\n`);
    expect(readFileSync(`${file}.bak`, 'utf8')).toBe(before);
  });

  test('asks, shows what it would write, and writes only after a yes', async () => {
    for (const [answer, written] of [
      ['n\n', false],
      ['y\n', true],
    ] as const) {
      const { in: input, err, done } = startCli(['init'], { cwd: home, interactive: true });
      await err.until('Cache directory');
      input.write(`${home}/disk\n`);
      await err.until('Most it may hold');
      input.write('\n');
      await err.until('Model folders');
      input.write('\n');
      await err.until('Write it?');
      input.write(answer);
      expect((await done).code).toBe(written ? 0 : 1);
      expect(err.text).toContain(`+ AUTOCACHE_DIR=${home}/disk`);
      expect(existsSync(file)).toBe(written);
    }
  });

  test('a value that cannot be used, or nobody to ask, ends before anything is written', async () => {
    expect(await init('--yes', '--limit', 'much')).toMatchObject({ code: 2, err: expect.stringContaining('AUTOCACHE_LIMIT') });
    expect(await init()).toMatchObject({ code: 2, err: expect.stringContaining('--yes') });
    expect(await init('--yes', join(home, 'nowhere'))).toMatchObject({ code: 2, err: expect.stringContaining('nowhere') });
    expect(existsSync(file)).toBe(false);
  });
});
