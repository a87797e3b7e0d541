import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { ComfyuiServer } from '../../bench/comfyui-server.ts';
import { Installed } from '../../bench/installed.ts';
import { installShim } from '../../src/cli/comfyui-link.ts';
import { baseOf, checkout, python } from './real-comfyui.ts';

/** Makes the models of bench/memo_models.py. */
function makeModels(dir: string): void {
  const script = join(import.meta.dirname, '..', '..', 'bench', 'memo_models.py');
  execFileSync(python, [script, checkout ?? '', dir], { stdio: 'pipe' });
}

/** A node that changes a text encoder. `layer` is in its code; with a file `other-layer` beside it, it breaks its word. */
const pack = (layer: number) => `
import os
import sys

# A busy machine answers later than a prompt waits.
if "autocached_comfyui.memo.running" in sys.modules:
    sys.modules["autocached_comfyui.memo.running"].WAIT_SECONDS = 60.0


class PackClip:
    RETURN_TYPES = ("CLIP",)
    FUNCTION = "change"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"clip": ("CLIP",)}}

    def change(self, clip):
        clip = clip.clone()
        clip.clip_layer(-3 if os.path.exists(os.path.join(os.path.dirname(__file__), "other-layer")) else ${layer})
        return (clip,)


class PackFails:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "fail"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",), "mode": ("STRING",)}}

    def fail(self, image, mode):
        import comfy.model_management

        if mode == "interrupt":
            raise comfy.model_management.InterruptProcessingException()
        raise RuntimeError("it fails")


NODE_CLASS_MAPPINGS = {"PackClip": PackClip, "PackFails": PackFails}
`;

import { patience } from './patience.ts';

/** CPUs compute these types many times faster. */
const wide = ['--fp32-text-enc', '--fp32-unet', '--fp32-vae'];

interface Options {
  /** Of AUTOCACHE_MEMO_COMFYUI; null = a ComfyUI without the shim. */
  mode: string | null;
  flags?: string[];
  /** What the models lie on. Of an SSD nothing is copied. */
  disk?: 'ssd' | 'hdd';
  /** Other settings of the daemon. */
  settings?: Record<string, string>;
}

/** A ComfyUI with these models and a pack of nodes, which can be started again and again; all ends with the test. */
export async function realMemo({ mode, flags = [], disk = 'ssd', settings = {} }: Options) {
  const installed = new Installed('real-memo', (root) => ({
    AUTOCACHE_ROOTS: `${root}=${disk}`,
    AUTOCACHE_MIN_SIZE: '1KiB',
    AUTOCACHE_LIMIT: '1GiB',
    ...(mode !== null && { AUTOCACHE_MEMO_COMFYUI: mode }),
    ...settings,
  }));
  installed.quiet();
  onTestFinished(() => installed[Symbol.asyncDispose]());
  makeModels(installed.root);
  const client = mode === null ? null : await installed.start();
  const base = baseOf(installed.dir);
  if (client) await installShim(base, { stateDir: installed.stateDir });
  mkdirSync(join(base, 'input'), { recursive: true });
  const writePack = (layer: number) => writeFileSync(join(base, 'custom_nodes', 'pack.py'), pack(layer));
  writePack(-1);
  const all = [...flags, ...wide];
  const start = () => ComfyuiServer.start({ checkout: checkout ?? '', python, base, models: installed.root, flags: all });
  /** Results that are kept now. */
  const items = async () => (await client?.stats())?.memo.current_items ?? 0;
  /** Waits until nothing more is stored: as many results as were seen to come. */
  const kept = (count: number) =>
    vi.waitFor(async () => (await items()) >= count || Promise.reject(new Error('not yet')), patience(20_000));
  /** How many models nodes have asked for. */
  const loads = async () => (await client?.stats())?.lookups ?? 0;
  return { installed, client, base, root: installed.root, start, writePack, items, kept, loads };
}

const node = (class_type: string, inputs: object) => ({ class_type, inputs });

interface Choice {
  seed?: number;
  text?: string;
  prefix?: string;
}

/** Text, sampling, decoding, upscaling, saving. The text encoder goes through the pack. */
export function wholePrompt({ seed = 1, text = 'a knight', prefix = 'image' }: Choice = {}): object {
  return {
    clip: node('CLIPLoader', { clip_name: 'clip_l.safetensors', type: 'stable_diffusion' }),
    pack: node('PackClip', { clip: ['clip', 0] }),
    positive: node('CLIPTextEncode', { clip: ['pack', 0], text }),
    negative: node('CLIPTextEncode', { clip: ['pack', 0], text: '' }),
    unet: node('UNETLoader', { unet_name: 'small.safetensors', weight_dtype: 'default' }),
    vae: node('VAELoader', { vae_name: 'taesd.safetensors' }),
    empty: node('EmptyLatentImage', { width: 64, height: 64, batch_size: 1 }),
    sample: node('KSampler', {
      ...{ model: ['unet', 0], positive: ['positive', 0], negative: ['negative', 0], latent_image: ['empty', 0] },
      ...{ seed, steps: 1, cfg: 3, sampler_name: 'euler', scheduler: 'normal', denoise: 1 },
    }),
    decode: node('VAEDecode', { samples: ['sample', 0], vae: ['vae', 0] }),
    upscaler: node('UpscaleModelLoader', { model_name: 'tiny_x2.safetensors' }),
    upscale: node('ImageUpscaleWithModel', { upscale_model: ['upscaler', 0], image: ['decode', 0] }),
    save: node('SaveImage', { images: ['upscale', 0], filename_prefix: prefix }),
  };
}

/** Fifty different prompts of more than a dozen kinds of nodes. */
export function fiftyPrompts(): object[] {
  const start = {
    clip: node('CLIPLoader', { clip_name: 'clip_l.safetensors', type: 'stable_diffusion' }),
    vae: node('VAELoader', { vae_name: 'taesd.safetensors' }),
    unet: node('UNETLoader', { unet_name: 'small.safetensors', weight_dtype: 'default' }),
    upscaler: node('UpscaleModelLoader', { model_name: 'tiny_x2.safetensors' }),
    layer: node('CLIPSetLastLayer', { clip: ['clip', 0], stop_at_clip_layer: -2 }),
  };
  const texts = (k: number) => ({
    one: node('CLIPTextEncode', { clip: [k % 2 ? 'clip' : 'layer', 0], text: `a knight, ${k % 5}` }),
    two: node('CLIPTextEncode', { clip: ['clip', 0], text: k % 3 ? 'a (horse:1.2)' : '' }),
  });
  const mixed = (k: number) =>
    [
      node('ConditioningCombine', { conditioning_1: ['one', 0], conditioning_2: ['two', 0] }),
      node('ConditioningConcat', { conditioning_to: ['one', 0], conditioning_from: ['two', 0] }),
      node('ConditioningAverage', {
        conditioning_to: ['one', 0],
        conditioning_from: ['two', 0],
        conditioning_to_strength: 0.3,
      }),
      node('ConditioningSetArea', { conditioning: ['one', 0], width: 64, height: 64, x: 0, y: 0, strength: 0.7 }),
      node('ConditioningSetTimestepRange', { conditioning: ['one', 0], start: 0, end: 0.8 }),
    ][k % 5];
  const sampled = (k: number) => ({
    ...texts(k),
    mix: mixed(k),
    zero: node('ConditioningZeroOut', { conditioning: ['two', 0] }),
    empty: node('EmptyLatentImage', { width: 64, height: 64, batch_size: 1 + (k % 2) }),
    sample: node('KSampler', {
      ...{ model: ['unet', 0], positive: ['mix', 0], negative: [k % 2 ? 'zero' : 'two', 0], latent_image: ['empty', 0] },
      ...{ seed: k, steps: 1, cfg: 2, sampler_name: k % 2 ? 'euler' : 'dpmpp_2m_sde', scheduler: 'normal', denoise: 1 },
    }),
    decode: node('VAEDecode', { samples: ['sample', 0], vae: ['vae', 0] }),
  });
  const painted = (k: number) => ({
    color: node('EmptyImage', { width: 48, height: 32, batch_size: 1, color: 0x336699 + k * 4097 }),
    scaled: node('ImageScale', { image: ['color', 0], upscale_method: 'bicubic', width: 64, height: 64, crop: 'disabled' }),
    decode: [
      node('ImageUpscaleWithModel', { upscale_model: ['upscaler', 0], image: ['scaled', 0] }),
      node('ImageInvert', { image: ['scaled', 0] }),
      node('ImageScaleBy', { image: ['encoded-decoded', 0], upscale_method: 'lanczos', scale_by: 0.5 }),
    ][k % 3],
    encoded: node('VAEEncode', { pixels: ['scaled', 0], vae: ['vae', 0] }),
    bigger: node('LatentUpscaleBy', { samples: ['encoded', 0], upscale_method: 'bilinear', scale_by: 1.5 }),
    'encoded-decoded': node('VAEDecode', { samples: ['bigger', 0], vae: ['vae', 0] }),
  });
  return Array.from({ length: 50 }, (_, k) => ({
    ...start,
    ...(k % 5 === 0 ? sampled(k / 5) : painted(k)),
    save: node('SaveImage', { images: ['decode', 0], filename_prefix: `image${k}` }),
  }));
}

export { checkout };
