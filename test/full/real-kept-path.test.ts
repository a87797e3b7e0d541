import { existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { lapse } from '../helpers/leases.ts';
import { checkout, names, realDaemon, startReal } from '../helpers/real-comfyui.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** Nodes that pass a path on, as those of packs do: ComfyUI keeps it with their outputs, and another node opens it prompts later. */
const pack = `
import comfy.model_patcher
import comfy.utils
import folder_paths
import torch
from spandrel import ModelLoader


class KeepsPath:
    RETURN_TYPES = ("STRING",)
    FUNCTION = "select"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"name": (folder_paths.get_filename_list("upscale_models"),)}}

    def select(self, name):
        return (folder_paths.get_full_path_or_raise("upscale_models", name),)


class OpensKeptPath:
    RETURN_TYPES = ("UPSCALE_MODEL",)
    FUNCTION = "load"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"path": ("STRING", {"forceInput": True}), "turn": ("INT", {"default": 0})}}

    def load(self, path, turn):
        model = ModelLoader().load_from_state_dict(comfy.utils.load_torch_file(path, safe_load=True)).eval()
        device = torch.device("cpu")
        model.patcher = comfy.model_patcher.CoreModelPatcher(model.model, load_device=device, offload_device=device)
        return (model,)


NODE_CLASS_MAPPINGS = {"KeepsPath": KeepsPath, "OpensKeptPath": OpensKeptPath}
`;

/** With another turn the model is loaded anew, by the path that was kept. */
function prompt(turn: number): object {
  const branch = (k: number) => ({
    [`select${k}`]: { class_type: 'KeepsPath', inputs: { name: names[k] } },
    [`load${k}`]: { class_type: 'OpensKeptPath', inputs: { path: [`select${k}`, 0], turn } },
    [`use${k}`]: { class_type: 'ImageUpscaleWithModel', inputs: { upscale_model: [`load${k}`, 0], image: ['start', 0] } },
    [`show${k}`]: { class_type: 'PreviewImage', inputs: { images: [`use${k}`, 0] } },
    [`path${k}`]: { class_type: 'PreviewAny', inputs: { source: [`select${k}`, 0] } },
  });
  const start = { class_type: 'EmptyImage', inputs: { width: 16, height: 16, batch_size: 1, color: 0x336699 } };
  return { start, ...branch(0), ...branch(1), ...branch(2) };
}

/** A daemon with copies of all models, and a ComfyUI whose nodes have kept their paths. */
async function arrange(settings: Record<string, string> = {}, { ram = false } = {}) {
  const { installed, client, sources } = await realDaemon(settings);
  const server = await startReal(installed.dir, installed, pack);
  await client.warm({ paths: [...sources], wait: true, ram });
  let turn = 0;
  /** One more prompt. @returns the paths that were kept */
  const run = async () => {
    const outputs = await server.outputs(prompt(turn++));
    return names.map((_, k) => outputs[`path${k}`]?.text?.[0] ?? '');
  };
  const kept = await run();
  for (const path of kept) expect(sources).not.toContain(path);
  const lapseAll = async () => {
    for (const source of sources) await lapse(client, source);
  };
  return { installed, client, sources, server, run, kept, lapseAll };
}

const isLink = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
const minute = { timeout: 60_000, interval: 100 };

describe.skipIf(!checkout)('a node of a real ComfyUI that keeps the path of a model opens it in the next prompt', () => {
  test('after its copy was evicted between two prompts, and after all were purged', async () => {
    const { client, sources, server, run, kept, lapseAll } = await arrange();
    await using _ = server;
    await lapseAll();
    expect(await client.evict({ paths: [sources[0] ?? ''] })).toMatchObject({ files: 1 });
    expect(kept.map(isLink)).toEqual([true, false, false]);
    expect(await run()).toEqual(kept);
    await lapseAll();
    await client.clear({ all: true });
    expect(kept.map(isLink)).toEqual([true, true, true]);
    expect(await run()).toEqual(kept);
  });

  test('after the limit was lowered, which is kept again within a minute', async () => {
    const { client, run, kept, server } = await arrange();
    await using _ = server;
    await client.changeConfig({ limit: '25KiB' });
    const used = async () => (await client.stats()).tiers.find(({ tier }) => tier === 'ssd')?.bytes ?? 0;
    await vi.waitFor(async () => expect(await used()).toBeLessThanOrEqual(25 * 1024), minute);
    expect(kept.filter(isLink).length).toBeGreaterThan(0);
    for (let n = 0; n < 3; n++) expect(await run()).toEqual(kept);
  });

  test.runIf(existsSync('/dev/shm'))('from memory, after the daemon was stopped, and after it was killed', async () => {
    const ram = { AUTOCACHE_RAM_DIR: join(tempDir('/dev/shm'), 'ram'), AUTOCACHE_RAM_LIMIT: '10MiB' };
    const { installed, run, kept, server } = await arrange(ram, { ram: true });
    await using _ = server;
    for (const path of kept) expect(path).toMatch(/^\/dev\/shm\//);
    await installed.end('SIGTERM');
    expect(await run()).toEqual(kept);
    await installed.start();
    expect(await run()).toEqual(kept);
    await installed.end('SIGKILL');
    expect(await run()).toEqual(kept);
  });
});
