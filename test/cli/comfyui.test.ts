import { resolve } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { installShim, type ShimStatus, shimStatus, uninstallShim } from '../../src/cli/comfyui-link.ts';
import { CacheError } from '../../src/core/errors.ts';
import { runCli } from './run-cli.ts';

vi.mock('../../src/cli/comfyui-link.ts', () => ({ installShim: vi.fn(), uninstallShim: vi.fn(), shimStatus: vi.fn() }));
beforeEach(() => {
  vi.resetAllMocks();
});

const folder = '/ComfyUI/custom_nodes/autocached';
const installed: ShimStatus = {
  folder,
  installed: true,
  version: '0.1.0',
  upToDate: true,
  linked: false,
  stateDir: '/state',
  comfyuiVersion: '0.33.0',
};

describe('comfyui install', () => {
  test('says where the resolver is now, and what to do next', async () => {
    vi.mocked(installShim).mockResolvedValue(installed);
    const { code, out } = await runCli(['comfyui', 'install', 'ComfyUI'], { stateDir: '/state', cwd: '/home/me' });
    expect(code).toBe(0);
    expect(installShim).toHaveBeenCalledWith(resolve('/home/me/ComfyUI'), { stateDir: resolve('/state') });
    expect(out).toBe(
      [
        `installed in ${folder}`,
        '  version   0.1.0, up to date',
        '  ComfyUI   0.33.0',
        '  daemon    found by /state',
        'Start ComfyUI again; from then on it asks autocached.\n',
      ].join('\n'),
    );
  });

  test('--link links', async () => {
    vi.mocked(installShim).mockResolvedValue({ ...installed, linked: true });
    const { out } = await runCli(['comfyui', 'install', '/ComfyUI', '--link'], { stateDir: '/state' });
    expect(installShim).toHaveBeenCalledWith(resolve('/ComfyUI'), { stateDir: resolve('/state'), link: true });
    expect(out).toContain('0.1.0, up to date, linked');
  });

  test('of a directory that is no ComfyUI is wrong use', async () => {
    vi.mocked(installShim).mockRejectedValue(
      new CacheError('BAD_REQUEST', '/tmp is no ComfyUI', { hint: 'the directory with main.py' }),
    );
    const { code, err } = await runCli(['comfyui', 'install', '/tmp'], { stateDir: '/state' });
    expect(code).toBe(2);
    expect(err).toBe('autocached: /tmp is no ComfyUI\n  hint: the directory with main.py\n');
  });
});

describe('comfyui status', () => {
  test.each<[Partial<ShimStatus>, string]>([
    [{ installed: false, version: null, stateDir: null }, `not installed in ${folder}`],
    [{ upToDate: false }, 'install again to renew them'],
    [{ comfyuiVersion: null }, 'of a version that cannot be told'],
  ])('%j', async (changes, words) => {
    vi.mocked(shimStatus).mockResolvedValue({ ...installed, ...changes });
    const { code, out } = await runCli(['comfyui', 'status', '/ComfyUI']);
    expect(code).toBe(0);
    expect(out).toContain(words);
  });

  test('--json is all that is known', async () => {
    vi.mocked(shimStatus).mockResolvedValue(installed);
    expect(JSON.parse((await runCli(['comfyui', 'status', '/ComfyUI', '--json'])).out)).toEqual(installed);
  });
});

describe('comfyui uninstall', () => {
  test('says what it removed, and what it left because it is not ours', async () => {
    vi.mocked(uninstallShim).mockResolvedValue({ folder, removed: ['a.py', 'b.py'], left: ['notes.txt'] });
    const { code, out } = await runCli(['comfyui', 'uninstall', '/ComfyUI']);
    expect(code).toBe(0);
    expect(out).toBe(`removed 2 files from ${folder}\nleft in place, not ours: notes.txt\n`);
  });

  test('where nothing is installed says so', async () => {
    vi.mocked(uninstallShim).mockResolvedValue({ folder, removed: [], left: [] });
    expect((await runCli(['comfyui', 'uninstall', '/ComfyUI'])).out).toBe(`not installed in ${folder}\n`);
  });
});
