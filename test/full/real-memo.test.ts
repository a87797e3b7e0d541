import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { python } from '../helpers/real-comfyui.ts';
import { checkout, fiftyPrompts, realMemo, wholePrompt } from '../helpers/real-memo.ts';

const variants = [{}, { text: 'a horse' }, { seed: 2 }];

/** What a ComfyUI without the shim makes. */
async function expected(change: (at: Awaited<ReturnType<typeof realMemo>>) => void = () => {}, which: object[] = [{}]) {
  const plain = await realMemo({ mode: null });
  change(plain);
  await using server = await plain.start();
  const images: Buffer[] = [];
  for (const one of which) images.push((await server.run(wholePrompt(one))).image);
  return images;
}

/** Another model under the name of the text encoder, of the same size and time. */
function replaceEncoder({ root }: { root: string }): void {
  const path = join(root, 'text_encoders', 'clip_l.safetensors');
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  // Weights far behind the header: what was 0.1 is -0.1.
  for (let at = 4 * 2 ** 20 + 1; at < bytes.length; at += 2) bytes[at] = (bytes[at] ?? 0) ^ 0x80;
  rmSync(path);
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

describe.skipIf(!checkout)('a real ComfyUI with what it has computed before', () => {
  test('its codec passes its own tests with the torch that ComfyUI has', () => {
    const here = join(import.meta.dirname, '..', 'comfyui');
    const { status, stderr } = spawnSync(python, ['-m', 'unittest', 'discover', '-s', here, '-p', 'test_memo_*.py'], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    expect(stderr).not.toContain('skipped');
  });

  test('has the same images of fifty prompts, before and after its restart', async () => {
    const prompts = fiftyPrompts();
    const images = async (mode: string | null, starts: number) => {
      const made: Buffer[][] = [];
      const memo = await realMemo({ mode });
      for (let start = 0; start < starts; start += 1) {
        await using server = await memo.start();
        const these: Buffer[] = [];
        for (const prompt of prompts) these.push((await server.run(prompt)).image);
        made.push(these);
      }
      return { made, items: await memo.items() };
    };
    const [plain = []] = (await images(null, 1)).made;
    for (const mode of ['text', 'results']) {
      const { made, items } = await images(mode, 2);
      expect(items).toBeGreaterThan(mode === 'text' ? 5 : 60);
      for (const these of made)
        for (const [k, image] of these.entries()) expect(image.equals(plain[k] ?? Buffer.of()), `${mode} ${k}`).toBe(true);
    }
  });

  test.each([
    ['--cache-ram', []],
    ['--cache-classic', ['--cache-classic']],
    ['--cache-lru', ['--cache-lru', '20']],
    ['--cache-none', ['--cache-none']],
  ])('is right after its restart with %s, whatever has changed', async (name, flags) => {
    const isKept = name !== '--cache-none';
    const memo = await realMemo({ mode: 'results', flags });
    const [same, text, seed] = await expected(undefined, variants);
    {
      await using server = await memo.start();
      expect((await server.run(wholePrompt())).image).toEqual(same);
      // Two encodings, latent, two images, what was saved.
      if (isKept) await memo.kept(6);
    }
    {
      await using server = await memo.start();
      const before = await memo.loads();
      expect((await server.run(wholePrompt())).image).toEqual(same);
      expect((await memo.loads()) - before).toBe(isKept ? 0 : 4);
      expect(server.openFilesBelow(join(memo.root, 'text_encoders'))).toEqual([]);
      expect((await server.run(wholePrompt({ seed: 2 }))).image).toEqual(seed);
      // The encoder is not among them.
      expect((await memo.loads()) - before).toBe(isKept ? 3 : 8);
      expect((await server.run(wholePrompt({ text: 'a horse' }))).image).toEqual(text);
      if (isKept) await memo.kept(10);
    }
    {
      // What was saved is gone: it is put back, as it was.
      const output = join(memo.base, 'output');
      const saved = join(output, 'image_00001_.png');
      const { mtimeMs } = statSync(saved);
      for (const file of readdirSync(output)) rmSync(join(output, file), { recursive: true });
      await using server = await memo.start();
      const before = await memo.loads();
      expect((await server.run(wholePrompt())).image).toEqual(same);
      expect((await memo.loads()) - before).toBe(isKept ? 0 : 4);
      expect(readdirSync(output)).toEqual(['image_00001_.png']);
      if (isKept) expect(statSync(saved).mtimeMs).toBe(mtimeMs);
    }
    {
      replaceEncoder(memo);
      const [other] = await expected(replaceEncoder);
      expect(other).not.toEqual(same);
      await using server = await memo.start();
      expect((await server.run(wholePrompt())).image).toEqual(other);
    }
    {
      memo.writePack(-2);
      const [other] = await expected((plain) => {
        replaceEncoder(plain);
        plain.writePack(-2);
      });
      await using server = await memo.start();
      expect((await server.run(wholePrompt())).image).toEqual(other);
    }
    const log = readFileSync(join(memo.base, 'comfyui.log'), 'utf8');
    expect(log).not.toMatch(/Traceback|Cache provider|errors\b.*autocached/);
  });

  test('computes a given output again when it is idle, and a class that gives another one is kept no more', async () => {
    const memo = await realMemo({ mode: 'text', settings: { AUTOCACHE_MEMO_AUDIT: '1' } });
    const compared = async () => (await memo.client?.stats())?.memo.comparisons;
    const until = (what: object) => vi.waitFor(async () => expect(await compared()).toMatchObject(what), 120_000);
    {
      await using server = await memo.start();
      await server.run(wholePrompt());
      await memo.kept(2);
    }
    {
      await using server = await memo.start();
      await server.run(wholePrompt());
      await until({ agreed: 1, disagreed: 0, unrepeatable: [] });
      // ComfyUI has lost nothing for that, and shows nothing of it.
      const before = await memo.loads();
      await server.run(wholePrompt({ prefix: 'again' }));
      expect(await memo.loads()).toBe(before);
      const shown = async () => Object.keys((await server.get('/history')).body as object);
      await vi.waitFor(async () => expect(await shown()).toHaveLength(2), 60_000);
    }
    writeFileSync(join(memo.base, 'custom_nodes', 'other-layer'), '');
    {
      await using server = await memo.start();
      await server.run(wholePrompt());
      await until({ agreed: 1, disagreed: 1, unrepeatable: [{ class: 'CLIPTextEncode' }] });
      expect(await memo.items()).toBe(0);
      // The shim hears of it after the daemon.
      const said = () => readFileSync(join(memo.base, 'comfyui.log'), 'utf8');
      await vi.waitFor(() => expect(said()).toContain('CLIPTextEncode gave another output for the same inputs'), 120_000);
    }
    const log = readFileSync(join(memo.base, 'comfyui.log'), 'utf8');
    expect(log).not.toMatch(/Traceback|Cache provider|errors\b.*autocached/);
  });

  test('keeps nothing of nodes that fail or are interrupted, and is right after them', async () => {
    const memo = await realMemo({ mode: 'results' });
    await using server = await memo.start();
    for (const mode of ['fail', 'interrupt']) {
      const before = await memo.items();
      const prompt = {
        color: { class_type: 'EmptyImage', inputs: { width: 16, height: 16, batch_size: 1, color: 7 } },
        fails: { class_type: 'PackFails', inputs: { image: ['color', 0], mode } },
        upscaler: { class_type: 'UpscaleModelLoader', inputs: { model_name: 'tiny_x2.safetensors' } },
        upscale: { class_type: 'ImageUpscaleWithModel', inputs: { upscale_model: ['upscaler', 0], image: ['fails', 0] } },
        save: { class_type: 'SaveImage', inputs: { images: ['upscale', 0], filename_prefix: 'failed' } },
      };
      await expect(server.run(prompt)).rejects.toThrow('failed');
      expect(await memo.items()).toBe(before);
    }
    const [same] = await expected();
    expect((await server.run(wholePrompt())).image).toEqual(same);
  });
});
