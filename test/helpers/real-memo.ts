import { execFileSync } from 'node:child_process';
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, onTestFinished, vi } from 'vitest';
import { ComfyuiServer } from '../../bench/comfyui-server.ts';
import { Installed } from '../../bench/installed.ts';
import { installShim } from '../../src/cli/comfyui-link.ts';
import { patience } from './patience.ts';
import { baseOf, checkout, python } from './real-comfyui.ts';

let made: string | undefined;
afterAll(() => made !== undefined && rmSync(made, { recursive: true, force: true }));

/** The models of bench/memo_models.py and a second text encoder. They are made once for all tests of a file, and each ComfyUI has links to them. */
function linkModels(dir: string): void {
  made ??= makeModels();
  for (const file of readdirSync(made, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())) {
    const to = join(dir, basename(file.parentPath), file.name);
    mkdirSync(dirname(to), { recursive: true });
    linkSync(join(file.parentPath, file.name), to);
  }
}

function makeModels(): string {
  const dir = mkdtempSync(join(tmpdir(), 'autocached-models-'));
  const script = join(import.meta.dirname, '..', '..', 'bench', 'memo_models.py');
  execFileSync(python, [script, checkout ?? '', dir], { stdio: 'pipe' });
  const encoder = (name: string) => join(dir, 'text_encoders', `${name}.safetensors`);
  copyFileSync(encoder('clip_l'), encoder('clip_other'));
  return dir;
}

/** A pack whose nodes change a model. `layer` is in its code; a file beside it, `other-layer` or `trouble`, has them break their word. */
const pack = (layer: number) => `
import os
import sys

import comfy.model_management

# A busy machine answers later than a prompt waits.
if "autocached_comfyui.memo.running" in sys.modules:
    sys.modules["autocached_comfyui.memo.running"].WAIT_SECONDS = 60.0


def beside(name):
    return os.path.join(os.path.dirname(__file__), name)


class PackClip:
    RETURN_TYPES = ("CLIP",)
    FUNCTION = "change"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"clip": ("CLIP",)}}

    def change(self, clip):
        clip = clip.clone()
        clip.clip_layer(-3 if os.path.exists(beside("other-layer")) else ${layer})
        return (clip,)


class PackModel:
    RETURN_TYPES = ("MODEL",)
    FUNCTION = "change"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",)}}

    def change(self, model):
        steps = []

        def guide(args):
            steps.append(None)
            if len(steps) == 2 and os.path.exists(beside("trouble")):
                with open(beside("trouble")) as file:
                    how = file.read()
                with open(beside("happened"), "a") as file:
                    file.write(how)
                steps.clear()
                if how == "interrupt":
                    raise comfy.model_management.InterruptProcessingException()
                raise RuntimeError("it fails")
            return args["uncond"] + (args["cond"] - args["uncond"]) * args["cond_scale"]

        model = model.clone()
        model.set_model_sampler_cfg_function(guide)
        return (model,)


NODE_CLASS_MAPPINGS = {"PackClip": PackClip, "PackModel": PackModel}
`;

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
  linkModels(installed.root);
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

export { checkout };
