import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { askComfyui } from '../../../src/cli/doctor/comfyui-server.ts';
import { isFastNvme } from '../../../src/cli/doctor/fast-nvme.ts';
import { findComfyui } from '../../../src/cli/doctor/find-comfyui.ts';
import { lookAtSources } from '../../../src/cli/doctor/look-at-sources.ts';
import { nodePackFindings, readNodePacks } from '../../../src/cli/doctor/node-packs.ts';
import { tryCache } from '../../../src/cli/doctor/try-cache.ts';
import { writeModel } from '../../helpers/files.ts';
import { createFaultyMount, noFaultyMount } from '../../helpers/hanging-mount.ts';
import { patience } from '../../helpers/patience.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { nas } from '../samples.ts';

const mib = 1024 ** 2;
const waits = { searchMs: patience(20_000), measureMs: patience(5000) };

describe('packs of custom nodes', () => {
  function packs(files: Record<string, string>) {
    const dir = tempDir();
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(dir, name, '..'), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    return readNodePacks(dir);
  }

  test('that load past the resolver, in part, or in the place of the lookup are told', async () => {
    const found = await packs({
      'good/nodes.py': 'path = folder_paths.get_full_path("loras", name)\n',
      'aside/deep/er.py': 'p = os.path.join(folder_paths.models_dir, "LLM")\nm = Model.from_pretrained(p)\n',
      'aside/tests/test.py': 'folder_paths.get_full_path("a", "b")\n',
      'both/__init__.py': 'get_full_path_or_raise("vae", n)\nhf_hub_download(repo)\n',
      'arena/patch.py': 'folder_paths.get_full_path = mine\n',
      'old.disabled/nodes.py': 'from_pretrained(x)',
      'autocached/hook.py': 'folder_paths.get_full_path = get_full_path\n',
      'plain/web/a.py': 'from_pretrained(x)',
    });
    expect(found.map(({ name }) => name)).toEqual(['aside', 'both', 'good', 'plain', 'arena'].sort());
    const findings = nodePackFindings(found);
    expect(findings).toMatchObject([
      { verdict: 'warn', says: expect.stringContaining('arena also replaces') },
      {
        verdict: 'warn',
        says: expect.stringContaining('aside finds its models by itself'),
        todo: expect.stringContaining('links'),
      },
      { verdict: 'ok', says: expect.stringContaining('4 of 5') },
    ]);
    expect(findings[2]?.says).toContain('own way: both');
  });

  test('that are known to open their files themselves do not count among the good ones, whatever their folder is called', async () => {
    const walking = 'for d in folder_paths.get_folder_paths("loras"): walk(d)\nsd = comfy.utils.load_torch_file(path)\n';
    const found = await packs({
      'ComfyUI-Lora-Manager/py/nodes.py': `${walking}p = folder_paths.get_full_path("loras", n)\n`,
      'comfyui-florence2-main/nodes.py': 'add_model_folder_path("LLM", d)\n',
      'comfyui_controlnet_aux/src/a.py': 'path = custom_hf_download(repo, name)\n',
      'ComfyUI-QwenVL/a.py': 'snapshot_download(repo)\n',
      'ComfyUI_IPAdapter_plus/utils.py': 'f = folder_paths.get_full_path("ipadapter", n)\n',
      'rgthree-comfy/py/power.py': 'LoraLoader().load_lora(m, c, lora, 1, 1)\n',
      'comfyui-unheard-of/nodes.py': walking,
      'comfyui-plain/nodes.py': 'x = 1\n',
    });
    const findings = nodePackFindings(found);
    const aside = findings.filter(({ verdict }) => verdict === 'warn').map(({ says }) => says.split(' ')[0]);
    expect(aside.sort()).toEqual(
      [
        'ComfyUI-Lora-Manager',
        'ComfyUI-QwenVL',
        'comfyui-florence2-main',
        'comfyui-unheard-of',
        'comfyui_controlnet_aux',
      ].sort(),
    );
    const good = findings.at(-1)?.says ?? '';
    expect(good).toContain('3 of 8');
    expect(good).toContain('prefetched: ComfyUI_IPAdapter_plus, rgthree-comfy');
    expect(good).toContain('ComfyUI_IPAdapter_plus (InsightFace)');
  });

  test('of a directory that is not there are none', async () => {
    expect(nodePackFindings(await readNodePacks(join(tempDir(), 'none')))).toEqual([]);
  });
});

describe('the cache directory', () => {
  test('is tried by writing, and left as it was', async () => {
    const dir = tempDir();
    expect(await tryCache(dir)).toMatchObject({
      is: 'done',
      caseSensitive: process.platform === 'linux',
      clockSkewMs: expect.any(Number),
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  test('may be absent, or no directory', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'file'), '');
    expect(await tryCache(join(dir, 'none'))).toEqual({ is: 'absent' });
    expect(await tryCache(join(dir, 'file'))).toMatchObject({ is: 'failed', why: expect.stringContaining('ENOTDIR') });
  });
});

describe('disks with models', () => {
  const root = (path: string, more = {}) => ({ path, kind: null, optional: false, ...more });

  test('are measured with a file that is there, once for each disk', async () => {
    const dir = tempDir();
    writeModel(join(dir, 'a', 'loras', 'big.safetensors'), 9 * mib);
    writeModel(join(dir, 'b', 'small.safetensors'), 1000);
    const [found, ...others] = await lookAtSources([root(join(dir, 'b')), root(join(dir, 'a'))], waits);
    expect(others).toEqual([]);
    expect(found?.roots).toHaveLength(2);
    expect(found?.state).toMatchObject({ is: 'measured', speeds: { bytesPerSecond: expect.any(Number) } });
  });

  test('may hold nothing large, be away, or not be needed', async () => {
    const dir = tempDir();
    writeModel(join(dir, 'b', 'small.safetensors'), 1000);
    const gone = join(dir, 'none');
    const stateOf = async (known: Parameters<typeof root>[1], path: string) =>
      (await lookAtSources([root(path, known)], waits)).map(({ state }) => state);
    expect(await stateOf({}, join(dir, 'b'))).toEqual([{ is: 'nothing' }]);
    expect(await stateOf({}, gone)).toMatchObject([{ is: 'away' }]);
    expect(await stateOf({ health: 'away', why: 'ENOTCONN' }, join(dir, 'b'))).toEqual([{ is: 'away', why: 'ENOTCONN' }]);
    expect(await stateOf({ optional: true }, gone)).toEqual([]);
  });

  test.skipIf(noFaultyMount !== null)('that hang are given up in time', async () => {
    const mount = await createFaultyMount();
    writeModel(join(mount.source, 'big.safetensors'), 9 * mib);
    mount.behave('hang');
    const startedAt = performance.now();
    const found = await lookAtSources([root(mount.path, { optional: true })], { searchMs: 700, measureMs: 700 });
    expect(found).toMatchObject([{ kind: 'nas', state: { is: 'away' } }]);
    expect(performance.now() - startedAt).toBeLessThan(patience(10_000));
  });
});

describe('a running ComfyUI', () => {
  async function serve(answers: Record<string, [number, unknown]>) {
    const server = createServer((request, response) => {
      const [status, body] = answers[request.url ?? ''] ?? [404, null];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
  const system = { comfyui_version: '0.33.0', ram_total: 1024, argv: ['main.py', '--cpu'] };

  test('says its version, flags, folders, and whether the resolver is there', async () => {
    const url = await serve({
      '/system_stats': [200, { system }],
      '/internal/folder_paths': [200, { custom_nodes: ['/comfy/custom_nodes'] }],
      '/autocached/state': [503, {}],
    });
    const facts = { url, version: '0.33.0', argv: ['main.py', '--cpu'], ramBytes: 1024, customNodes: ['/comfy/custom_nodes'] };
    expect(await askComfyui(url)).toEqual({ ...facts, shimLoaded: true });
  });

  test('without the resolver has no such route', async () => {
    const url = await serve({ '/system_stats': [200, { system }] });
    expect(await askComfyui(url)).toMatchObject({ shimLoaded: false, customNodes: [] });
  });

  test('is not what another program is, or nobody', async () => {
    expect(await askComfyui(await serve({ '/system_stats': [200, { hello: 1 }] }))).toBeNull();
    expect(await askComfyui('http://127.0.0.1:1/')).toBeNull();
  });

  test('is found by what was named, by its own word, and by the folders that the daemon knows', async () => {
    const dirs = ['named', 'told', 'known'].map((name) => join(tempDir(), name));
    for (const dir of dirs) {
      mkdirSync(join(dir, 'custom_nodes'), { recursive: true });
      mkdirSync(join(dir, 'models', 'loras'), { recursive: true });
    }
    const [named = '', told = '', known = ''] = dirs;
    const running = {
      url: '',
      version: null,
      argv: [],
      ramBytes: null,
      customNodes: [join(told, 'custom_nodes')],
      shimLoaded: false,
    };
    const roots = [
      { ...nas, path: join(known, 'models', 'loras') },
      { ...nas, path: '/mnt/nas/loras' },
    ];
    expect(await findComfyui({ named: [named], running, roots })).toEqual([named, told, known]);
    await expect(findComfyui({ named: ['/nowhere'], running: null, roots: [] })).rejects.toThrow('no directory');
  });
});

test.each([
  ['nvme0n1', '16.0 GT/s PCIe', '4', true],
  ['nvme0n1', '8.0 GT/s PCIe', '4', true],
  ['nvme0n1', '5.0 GT/s PCIe', '4', false],
  ['nvme0n1', '16.0 GT/s PCIe', '2', false],
  ['nvme0n1', '32.0 GT/s PCIe', '2', true],
  ['nvme0n1+sda', '32.0 GT/s PCIe', '4', false],
  ['sda', '32.0 GT/s PCIe', '4', false],
  [null, '32.0 GT/s PCIe', '4', false],
])('a disk %s with %s x%s is fast: %s', (device, speed, width, fast) => {
  const read = (path: string) => (path.endsWith('speed') ? speed : path.endsWith('width') ? width : null);
  expect(isFastNvme(device, { read, list: () => [], real: (path) => path })).toBe(fast);
});
