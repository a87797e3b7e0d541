import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, test, vi } from 'vitest';
import { widthOf } from '../../src/cli/text/fit.ts';
import { runCli } from '../cli/run-cli.ts';
import { startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A library as people have it: long names that differ at one end, umlauts, Chinese, several folders. */
const names = [
  ...Array.from(
    { length: 10 },
    (_, index) => `checkpoints/realistic_vision_ultra_photographic_v${index}_fp16_pruned_inpainting.safetensors`,
  ),
  ...Array.from({ length: 8 }, (_, index) => `loras/SDXL/stil/öl-gemälde_größer_schöner_${index}_final_final.safetensors`),
  ...Array.from({ length: 6 }, (_, index) => `loras/中文/水墨画风格模型_超高清_第${index}版_最终.safetensors`),
  ...['text_encoders/t5xxl_fp8_e4m3fn_scaled.safetensors', 'vae/ae.safetensors', 'vae/vae-ft-mse-840000-ema-pruned.ckpt'],
  ...[
    'diffusion_models/wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors',
    'upscale_models/4x-UltraSharp.pth',
    'clip_vision/clip_h.safetensors',
  ],
];

/** Words that no page for people has. */
const blots: [string, RegExp][] = [
  [
    'a wrong plural',
    /\b1 (?!of\b)(?:[a-z]+ )?(?:files|copies|loads|results|jobs|hits|items|blobs|folders|models|entries|chunks|questions|uses)\b/,
  ],
  ['no number', /\b(?:NaN|undefined|Infinity|\[object)\b/],
  ['a share of nothing', /(?<![\d.])0 %(?! of)/],
  ['a time for programs', /\d{4}-\d\d-\d\dT\d\d:\d\d/],
  ['a null', /\bnull\b/],
];

/** Where a terminal begins to write somewhere else: a new line, or a move of the cursor. */
const lineBreaks = new RegExp(`[\\r\\n]|${String.fromCharCode(27)}\\[[\\d;]*[A-H]`);

test('every command is readable at 80 columns', { tags: 'slow', timeout: patience(180_000) }, async () => {
  const dir = tempDir();
  const models = join(dir, 'nas', 'models');
  names.forEach((name, index) => void writeModel(join(models, name), 200_000 + index * 50_000));
  const workflow = join(dir, 'workflow.json');
  const prompt = { 1: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: names[0]?.slice(12) } } };
  writeFileSync(workflow, JSON.stringify(prompt));
  const arena = join(dir, 'arena');
  writeModel(join(arena, 'checkpoints', 'a_model_that_nobody_has_under_that_long_name_at_all.safetensors'), 1000);
  mkdirSync(join(dir, 'ComfyUI', 'custom_nodes'), { recursive: true });
  for (const name of ['main.py', 'folder_paths.py']) writeFileSync(join(dir, 'ComfyUI', name), '');
  vi.stubEnv('HOME', dir);
  for (const name of ['XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME']) vi.stubEnv(name, undefined);
  const settings = { AUTOCACHE_ROOTS: `${models}=nas`, AUTOCACHE_LIMIT: '20GiB', AUTOCACHE_COMFYUI_URL: 'http://127.0.0.1:9' };
  const daemon = await startDaemonProcess({ dir, settings });
  const cli = (...words: string[]) =>
    runCli(words, { stateDir: daemon.stateDir, cwd: dir, columns: 80, self: ['node', '/a.js'] });
  const put = (key: string, label: string) =>
    daemon.client.ask('POST', '/api/memo/put', {
      body: { ns: 'bilder', key: key.repeat(64), label, value: 'x', costMs: 1 },
    });
  await put('a', 'ein sehr langes Etikett für ein Bild, das niemand je ganz lesen will, 水墨画风格模型');
  await put('b', 'kurz');

  const first = names[0] ?? '';
  const calls = [
    ['warm', first, `${names[10]}`, `${names[20]}`],
    ['lookup', first],
    ['lookup', 'ae.safetensors'],
    ['lookup', 'nothing/of_that_name.safetensors'],
    ['status'],
    ['status', '--ram'],
    ['list'],
    ['list', '--sources'],
    ['list', '--limit', '2'],
    ['explain', first],
    ['explain', '中文'],
    ['explain', 'loras/**'],
    ['jobs'],
    ['mode'],
    ['config'],
    ['doctor'],
    ['warm', '--check', 'loras/**'],
    ['warm', 'vae/**'],
    ['analyze', workflow],
    ['pin', first],
    ['pin', 'größer'],
    ['pin', 'no such file at all'],
    ['unpin', first],
    ['verify', '--all'],
    ['verify', first],
    ['purge', '--glob', '*öl*', '--dry-run'],
    ['evict', `${names[20]}`],
    ['simulate'],
    ['take-over', arena],
    ['root', 'forget', 'nowhere'],
    ['bring-back', '--dry-run'],
    ['memo', 'status'],
    ['memo', 'list'],
    ['memo', 'get', 'aaaa'],
    ['memo', 'explain', 'aaaa'],
    ['memo', 'verify'],
    ['memo', 'clear', '--dry-run'],
    ['preset', 'list'],
    ['preset', 'show', 'image-to-3d'],
    ['preset', 'cache'],
    ['comfyui', 'status', join(dir, 'ComfyUI')],
    ['farm', 'status'],
    ['farm', 'join', 'acfarm1-nonsense'],
    ['farm', 'init', '--redis', 'redis://user:secret@valkey.render.example.org:6379/3'],
    ['farm', 'init'],
    ['farm', 'locate', first],
    ['farm', 'leave', '--dry-run'],
    ['warm', first, '--hosts', 'all'],
    ['variant', 'list'],
    ['variant', 'make', first, '--to', 'auto8'],
    ['variant', 'make', 'no such model', '--to', 'auto8'],
    ['variant', 'report', 'nothing'],
    ['variant', 'rm', 'nothing', '--yes'],
    ['remote', 'ls'],
    ['remote', 'add', 'hf://black-forest-labs/FLUX.1-schnell'],
    ['remote', 'check'],
    ['remote', 'cost'],
    ['trace', 'export', join(dir, 'trace.json')],
    ['kv', 'save', 'nothing'],
    ['run', join(dir, 'none.json')],
    ['logs'],
    ['events', '--help'],
    ['service', 'status'],
    ['uninstall', '--dry-run'],
    ['nonsense'],
  ];
  const found: string[] = [];
  for (const words of calls) {
    const { out, err } = await cli(...words);
    // The directory of a test is no fault of the page.
    // Bars are drawn over one another.
    const lines = (out + err)
      .split(lineBreaks)
      .map((line) => stripVTControlCharacters(line))
      .filter((line) => !/[█░=-]{4,} *\d+ %/.test(line) || words[0] === 'status');
    const told = words.map((word) => word.replaceAll(dir, '')).join(' ');
    for (const line of lines) {
      // A path is not cut: it is there to be copied.
      const short = line.replaceAll(dir, '/mnt/a').replace(/\S{40,}/g, (path) => path.slice(0, 20));
      if (widthOf(short) > 80) found.push(`${told}: ${widthOf(short)} columns: ${short}`);
      for (const [what, pattern] of blots) if (pattern.test(line)) found.push(`${told}: ${what}: ${line}`);
    }
  }
  const list = (await cli('list')).out;
  const ids = JSON.parse((await runCli(['list', '--json'], { stateDir: daemon.stateDir })).out).entries as { id: number }[];
  for (const { id } of ids)
    if (!new RegExp(`^ *${id} `, 'm').test(stripVTControlCharacters(list))) found.push(`list: no id ${id}`);
  expect(found).toEqual([]);
});
