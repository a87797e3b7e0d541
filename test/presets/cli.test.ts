import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { PresetAnswer } from '../../src/api/presets.ts';
import { runCli } from '../cli/run-cli.ts';
import { fakeComfyui } from '../helpers/comfyui-server.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const prompt = 'a lighthouse';
const hunyuan = { 'checkpoints/hunyuan_3d_v2.1.safetensors': 1000 };

describe('without a daemon', () => {
  test('all presets are listed, and each shows its API prompt', async () => {
    const stateDir = tempDir();
    const listed = await runCli(['preset', 'list', '--json'], { stateDir });
    expect(listed.code).toBe(0);
    const { presets } = JSON.parse(listed.out) as { presets: { name: string }[] };
    expect(presets).toHaveLength(17);
    for (const { name } of presets) {
      const { code, out } = await runCli(['preset', 'show', name, '--json'], { stateDir });
      expect(code).toBe(0);
      expect(out).toContain('"class_type": "Save');
    }
  });

  test('slots are filled by options and words, and the rest stays open', async () => {
    const stateDir = tempDir();
    const options = ['--seed', '18446744073709551615', '--family', 'ltx-2.5', 'width=1024'];
    const { out } = await runCli(['preset', 'show', 't2v-one-stage', '--json', ...options], { stateDir });
    for (const word of ['"noise_seed": 18446744073709551615', 'ltx-2.5-22b-dev', '"width": 1024', '"text": "{{prompt}}"'])
      expect(out).toContain(word);
  });

  test('what is shown can be kept as a preset of the user', async () => {
    const stateDir = tempDir();
    const shown = await runCli(['preset', 'show', 'keyframe-interpolation', '--json', 'frames=49'], { stateDir });
    mkdirSync(join(stateDir, 'presets'));
    writeFileSync(join(stateDir, 'presets', 'dawn.json'), shown.out);
    const slots = ['images.0=a.png', 'images.1=b.png', 'prompt=dawn'];
    const { out, code } = await runCli(['preset', 'show', 'dawn', '--json', ...slots], { stateDir });
    expect(code).toBe(0);
    expect(out).not.toContain('{{');
    expect(out).toContain('"text": "dawn"');
  });

  test('the page has the files with their addresses', async () => {
    const { out } = await runCli(['preset', 'show', 't2v-two-stages'], { stateDir: tempDir() });
    expect(out).toContain('latent_upscale_models/ltx-2.3-spatial-upscaler-x2-1.1.safetensors');
    expect(out).toContain('https://huggingface.co/Lightricks/LTX-2.3/resolve/main/ltx-2.3-22b-dev.safetensors');
    expect(out).toMatch(/prompt +\{\{prompt\}\} +needed: what happens/);
  });

  test('a wrong slot is wrong use', async () => {
    const run = (...words: string[]) => runCli(['preset', 'show', 't2v-one-stage', ...words], { stateDir: tempDir() });
    expect(await run('widht=3')).toMatchObject({ code: 2, err: expect.stringContaining('there is no slot widht') });
    expect(await run('width')).toMatchObject({ code: 2, err: expect.stringContaining('width fills no slot') });
    expect((await runCli(['preset', 'show', 'nothing'], { stateDir: tempDir() })).code).toBe(1);
    expect((await runCli(['preset', 'run', 't2v', '--prompt', prompt], { stateDir: tempDir() })).code).toBe(3);
  });
});

describe('with a daemon', () => {
  test('a machine with none of the models is told what to fetch, and from where', async () => {
    const { stateDir } = await runDaemon({ 'checkpoints/other.safetensors': 1000 });
    const { code, out } = await runCli(['preset', 'run', 't2v-two-stages', '--prompt', prompt, '--watch'], { stateDir });
    expect(code).toBe(1);
    expect(out).toContain('4 files of 4 of t2v-two-stages are not here');
    const urls = out.match(/https:\S+/g) ?? [];
    expect(urls.map((url) => url.split('/').at(-1))).toEqual([
      'ltx-2.3-22b-dev.safetensors',
      'gemma_3_12B_it.safetensors',
      'ltx-2.3-spatial-upscaler-x2-1.1.safetensors',
      'ltx-2.3-22b-distilled-lora-384-1.1.safetensors',
    ]);
    const narrow = await runCli(['preset', 'run', 't2v-two-stages', '--prompt', prompt], { stateDir, columns: 80 });
    const lines = stripVTControlCharacters(narrow.out).trimEnd().split('\n');
    // Each address is whole, below its file.
    expect(lines.filter((line) => line.startsWith('  https:'))).toEqual(urls.map((url) => `  ${url}`));
    expect(lines.filter((line) => line.length > 80 && !line.startsWith('  https:'))).toEqual([]);
    expect(lines[2]).toMatch(/^checkpoints\/ltx-2\.3-22b-dev\.safetensors +missing$/);
  });

  test('a preset runs, its image is given to ComfyUI, and it is found again without it', async () => {
    const input = join(tempDir(), 'input');
    const comfyui = await fakeComfyui({ input });
    const mesh = { filename: 'chair.glb', subfolder: 'mesh', type: 'output' };
    comfyui.files.set('output/mesh/chair.glb', Buffer.from('a mesh'));
    comfyui.state.behave = (run) => run.succeed({ save: { '3d': [mesh] } });
    const daemon = await runDaemon(hunyuan, { AUTOCACHE_COMFYUI_URL: comfyui.url });
    const cwd = tempDir();
    writeFileSync(join(cwd, 'chair.png'), 'a picture of a chair');
    const args = ['preset', 'run', 'image-to-3d', '--image', 'chair.png', '--seed', '7', '--json'];
    const first = await runCli(args, { stateDir: daemon.stateDir, cwd });
    expect({ code: first.code, out: first.out }).toMatchObject({ code: 0 });
    expect(JSON.parse(first.out)).toMatchObject({ reason: 'MISS', outputs: [mesh] });
    const prompts = comfyui.runs.map((run) => JSON.stringify(run.prompt));
    expect(prompts).toEqual([expect.stringMatching(/"image":"autocached\/[0-9a-f]{16}-chair.png"/)]);
    await comfyui.close();
    expect(JSON.parse((await runCli(args, { stateDir: daemon.stateDir, cwd })).out)).toMatchObject({
      reason: 'HIT',
      outputs: [mesh],
    });
  });

  test('over HTTP it runs, too, and says which graph it was', async () => {
    const comfyui = await fakeComfyui({ input: tempDir() });
    const daemon = await runDaemon(hunyuan, { AUTOCACHE_COMFYUI_URL: comfyui.url });
    const body = { image: 'chair.png', seed: 7, quality: 128, tags: ['shop'] };
    const answer = await daemon.client.ask<PresetAnswer>('POST', '/api/generate-3d-cached', { body });
    expect(answer).toMatchObject({ name: 'image-to-3d', graph: 'miss', promptId: expect.any(String) });
    expect(JSON.stringify(comfyui.runs[0]?.prompt)).toContain('"octree_resolution":128');
  });

  test('the table of compiled graphs is shown, resized and emptied', async () => {
    const { stateDir } = await runDaemon(hunyuan);
    await runCli(['preset', 'show', 'image-to-3d', '--image', 'a.png'], { stateDir });
    const { out } = await runCli(['preset', 'cache'], { stateDir });
    expect(out).toContain('1 of 32 compiled graphs');
    expect(out).toContain('image-to-3d');
    expect((await runCli(['preset', 'cache', '--size'], { stateDir })).out).toBe('1\n');
    const resized = await runCli(['preset', 'cache', '--size', '3', '--json'], { stateDir });
    expect(JSON.parse(resized.out)).toMatchObject({ max: 3 });
    expect((await runCli(['preset', 'cache', '--clear'], { stateDir })).out).toContain('0 of 3 compiled graphs');
    expect((await runCli(['preset', 'cache', '--size', 'x'], { stateDir })).code).toBe(2);
  });
});
