import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { startComfyui } from '../helpers/comfyui-process.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { patience, soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const lora = ['loras', 'a.safetensors'] as const;
const model = lora.join('/');
const notes: Record<string, string> = {
  'a.txt': 'trigger words',
  'a.json': '{"activation text": "x"}',
  'a.yaml': 'model: x',
  'a.civitai.info': '{}',
  'a.preview.png': 'picture',
  'a.png': 'picture too',
  'a.jpg': 'picture again',
  'a.sha256': 'abc',
  'a.metadata.json': '{"m": 1}',
  'a.safetensors.rgthree-info.json': '{"r": 1}',
};

/** A daemon, a ComfyUI, and a LoRA with a copy; the notes lie beside the LoRA. */
async function arrange({ texts = notes, settings = {} as Record<string, string>, ram = false } = {}) {
  const daemon = await runDaemon({ [model]: 50_000, 'loras/b.safetensors': 2000 }, { AUTOCACHE_MIN_SIZE: '1000', ...settings });
  const source = join(daemon.root, model);
  const at = (name: string) => join(dirname(source), name);
  for (const [name, text] of Object.entries({ ...texts, 'b.txt': 'of another' })) writeFileSync(at(name), text);
  const comfyui = await startComfyui(daemon.root, daemon.stateDir);
  const warm = () => daemon.client.warm({ paths: [source], wait: true, ram });
  const beside = () => comfyui.tell('beside', ...lora) as Promise<Record<string, string>>;
  const write = (name: string, text: string) => comfyui.tell('write_beside', ...lora, name, text) as Promise<string>;
  const listed = async () => (await daemon.client.written()).files;
  const cli = (...args: string[]) => runCli(args, { stateDir: daemon.stateDir });
  return { daemon, source, at, comfyui, warm, beside, write, listed, cli };
}

describe('what lies beside a model lies beside its copy', () => {
  test('on the first run, from the source, and on every other one, from the copy', async () => {
    const { warm, beside, comfyui, source } = await arrange();
    expect(await beside()).toMatchObject(notes);
    await warm();
    expect(await comfyui.tell('select', ...lora)).not.toBe(source);
    expect(await beside()).toEqual(notes);
  });

  test('as it is now: changed, added and removed since the copy was made', { tags: 'slow' }, async () => {
    const { warm, beside, at } = await arrange({ texts: { 'a.txt': 'old', 'a.json': '{}' } });
    await warm();
    expect(await beside()).toEqual({ 'a.txt': 'old', 'a.json': '{}' });
    writeFileSync(at('a.txt'), 'new words');
    writeFileSync(at('a.png'), 'picture');
    rmSync(at('a.json'));
    await vi.waitFor(async () => expect(await beside()).toEqual({ 'a.txt': 'new words', 'a.png': 'picture' }), {
      ...soon(),
      interval: 500,
    });
  });

  test('also while the folder of the model is away', async () => {
    const { warm, beside, daemon } = await arrange({ texts: { 'a.yaml': 'config' } });
    await warm();
    rmSync(daemon.root, { recursive: true });
    expect(await beside()).toEqual({ 'a.yaml': 'config' });
  });

  test('and a note that cannot be read does not keep the copy from being used', { tags: 'slow' }, async () => {
    const { warm, comfyui, at, source } = await arrange({ texts: {} });
    // A folder is no note, whatever it is called.
    mkdirSync(at('a.txt'));
    await warm();
    expect(await comfyui.tell('select', ...lora)).not.toBe(source);
  });
});

describe('what a node writes beside a copy', () => {
  test('is kept whatever is purged, shown, and brought beside the model by one command', { tags: 'slow' }, async () => {
    const { daemon, warm, write, beside, listed, cli, at, source } = await arrange({ texts: { 'a.txt': 'words' } });
    await warm();
    const path = await write('a.sha256', 'abc');
    expect(path.startsWith(daemon.dir)).toBe(true);
    await vi.waitFor(
      async () => expect(await listed()).toMatchObject([{ path, source: at('a.sha256'), bytes: 3, was: null }]),
      soon(),
    );
    await daemon.client.evict({ paths: [source] });
    await daemon.client.clear({ all: true });
    expect(readFileSync(path, 'utf8')).toBe('abc');
    expect((await daemon.client.stats()).written).toEqual({ files: 1, bytes: 3 });
    expect((await cli('status')).out).toContain('autocached bring-back');

    const plan = await cli('bring-back', '--dry-run');
    expect(plan.out).toContain(at('a.sha256'));
    expect(existsSync(at('a.sha256'))).toBe(false);
    expect((await cli('bring-back')).code).toBe(2);
    expect(await cli('bring-back', '--yes')).toMatchObject({ code: 0 });
    expect(readFileSync(at('a.sha256'), 'utf8')).toBe('abc');
    expect(await listed()).toEqual([]);
    await warm();
    await vi.waitFor(async () => expect(await beside()).toMatchObject({ 'a.sha256': 'abc' }), { ...soon(), interval: 500 });
  });

  test('into a folder of its own there is brought with its folder, also after the program ended', {
    tags: 'slow',
    timeout: patience(30_000),
  }, async () => {
    const { daemon, warm, listed, cli, at, comfyui } = await arrange({ texts: {} });
    await warm();
    const copy = (await comfyui.tell('select', ...lora)) as string;
    expect(copy.startsWith(daemon.dir)).toBe(true);
    await comfyui.end();
    mkdirSync(join(dirname(copy), 'previews/small'), { recursive: true });
    writeFileSync(join(dirname(copy), 'previews/small/a.png'), 'picture');
    await vi.waitFor(async () => expect(await listed()).toMatchObject([{ source: at('previews/small/a.png') }]), {
      ...soon(),
      timeout: patience(14_000),
    });
    expect(await cli('bring-back', '--yes')).toMatchObject({ code: 0 });
    expect(readFileSync(at('previews/small/a.png'), 'utf8')).toBe('picture');
    expect(await listed()).toEqual([]);
  });

  test('with a hidden name was not noticed; what systems leave by themselves still is not', {
    tags: 'slow',
    timeout: patience(30_000),
  }, async () => {
    const { warm, write, listed, cli, at } = await arrange({ texts: {} });
    await warm();
    for (const name of ['._a.safetensors', '.nfs000000000001', '.DS_Store', '.a.json.part', '.a.json'])
      await write(name, 'kept');
    await vi.waitFor(async () => expect(await listed()).toHaveLength(1), { ...soon(), timeout: patience(14_000) });
    expect(await cli('bring-back', '--yes')).toMatchObject({ code: 0 });
    expect(readFileSync(at('.a.json'), 'utf8')).toBe('kept');
    const brought = readdirSync(at('.')).filter((name) => name.startsWith('.'));
    expect(brought).toEqual(['.a.json']);
  });

  test('over a note replaces the note at its source, unless that has changed meanwhile', {
    tags: 'slow',
    timeout: patience(30_000),
  }, async () => {
    const { warm, write, beside, listed, cli, at } = await arrange({ texts: { 'a.txt': 'mine', 'a.json': 'mine' } });
    await warm();
    await beside();
    await write('a.txt', 'from a node');
    await write('a.json', 'from a node');
    expect(await beside()).toEqual({ 'a.txt': 'from a node', 'a.json': 'from a node' });
    await vi.waitFor(async () => expect(await listed()).toHaveLength(2), { ...soon(), timeout: patience(14_000) });
    writeFileSync(at('a.json'), 'mine, and newer');
    const brought = await cli('bring-back', '--yes');
    expect(brought).toMatchObject({ code: 1, out: expect.stringContaining('has changed meanwhile') });
    expect(readFileSync(at('a.txt'), 'utf8')).toBe('from a node');
    expect(readFileSync(at('a.json'), 'utf8')).toBe('mine, and newer');
    expect(await listed()).toMatchObject([{ source: at('a.json') }]);
    expect(await cli('bring-back', '--yes', '--overwrite')).toMatchObject({ code: 0 });
    expect(readFileSync(at('a.json'), 'utf8')).toBe('from a node');
  });

  test('over the model itself, as a merge does, is kept, shown and brought back; no copy takes its place', {
    tags: 'slow',
    timeout: patience(30_000),
  }, async () => {
    const { daemon, warm, write, listed, cli, source, comfyui } = await arrange({ texts: {} });
    await warm();
    const copy = await write('a.safetensors', 'merged weights');
    expect(copy.startsWith(daemon.dir)).toBe(true);
    expect(await comfyui.tell('select', ...lora)).toBe(source);
    await vi.waitFor(async () => expect(await listed()).toMatchObject([{ source, bytes: 14 }]), {
      ...soon(),
      timeout: patience(14_000),
    });
    await daemon.client.evict({ paths: [source] });
    await daemon.client.clear({ all: true });
    expect((await daemon.client.warm({ paths: [source], wait: true })).ready).toBe(0);
    expect(readFileSync(copy, 'utf8')).toBe('merged weights');
    expect(await cli('bring-back', '--yes')).toMatchObject({ code: 0 });
    expect(readFileSync(source, 'utf8')).toBe('merged weights');
    expect(await listed()).toEqual([]);
  });

  test.each([14, 50_000])(
    'over the model while no daemon ran (%i bytes) is kept and shown at the next start',
    { tags: 'slow', timeout: patience(30_000) },
    async (bytes) => {
      const { daemon, warm, listed, source, comfyui } = await arrange({ texts: {} });
      await warm();
      const copy = (await comfyui.tell('select', ...lora)) as string;
      expect(copy.startsWith(daemon.dir)).toBe(true);
      await daemon.end();
      await comfyui.end();
      const merged = Buffer.alloc(bytes, 7);
      rmSync(copy);
      writeFileSync(copy, merged);
      const { mtimeMs } = statSync(copy);
      await daemon.restart();
      await vi.waitFor(async () => expect(await listed()).toMatchObject([{ source, bytes }]), soon());
      expect(readFileSync(copy).equals(merged)).toBe(true);
      expect(statSync(copy).mtimeMs).toBe(mtimeMs);
      expect((await daemon.client.warm({ paths: [source], wait: true })).ready).toBe(0);
    },
  );

  test.runIf(existsSync('/dev/shm'))('in memory outlives the daemon', { tags: 'slow', timeout: patience(20_000) }, async () => {
    const settings = { AUTOCACHE_RAM_DIR: join(tempDir('/dev/shm'), 'ram'), AUTOCACHE_RAM_LIMIT: '10MiB' };
    const { daemon, warm, write, listed, at } = await arrange({ texts: { 'a.txt': 'words' }, settings, ram: true });
    await warm();
    expect(await write('a.sha256', 'abc')).toMatch(/^\/dev\/shm\//);
    await write('a.txt', 'new words');
    await daemon.restart({ AUTOCACHE_RAM_LIMIT: 'off', AUTOCACHE_RAM_DIR: 'off' });
    await vi.waitFor(async () => {
      const files = (await listed()).map(({ path, source }) => [source, readFileSync(path, 'utf8')]);
      expect(files.sort()).toEqual([
        [at('a.sha256'), 'abc'],
        [at('a.txt'), 'new words'],
      ]);
    }, soon());
  });

  test('outlives a lost catalog', { tags: 'slow' }, async () => {
    const { daemon, warm, write, listed, at } = await arrange({ texts: { 'a.txt': 'words' } });
    await warm();
    await write('a.sha256', 'abc');
    await daemon.end();
    rmSync(join(daemon.stateDir, 'catalog.db'));
    await daemon.restart();
    await vi.waitFor(async () => expect(await listed()).toMatchObject([{ source: at('a.sha256') }]), soon());
  });
});
