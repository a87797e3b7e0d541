import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { lapse } from '../helpers/leases.ts';
import { wholePrompt } from '../helpers/memo-prompts.ts';
import { baseOf, checkout, names, realDaemon, startReal } from '../helpers/real-comfyui.ts';
import { realMemo } from '../helpers/real-memo.ts';

/** A node that tells how many providers of cached outputs ComfyUI knows while it runs. */
const pack = `
from comfy_execution.cache_provider import _get_cache_providers


class CountProviders:
    RETURN_TYPES = ("INT",)
    FUNCTION = "count"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}}

    def count(self, image):
        return (len(_get_cache_providers()),)


NODE_CLASS_MAPPINGS = {"CountProviders": CountProviders}
`;

/** Each of these models in a branch and for an output of its own. */
function branches(which: readonly number[], { color = 0x336699, width = 16 } = {}): object {
  const start = { class_type: 'EmptyImage', inputs: { width, height: 16, batch_size: 1, color } };
  const branch = (k: number) => [
    [`load${k}`, { class_type: 'UpscaleModelLoader', inputs: { model_name: names[k] } }],
    [`use${k}`, { class_type: 'ImageUpscaleWithModel', inputs: { upscale_model: [`load${k}`, 0], image: ['start', 0] } }],
    [`show${k}`, { class_type: 'PreviewImage', inputs: { images: [`use${k}`, 0] } }],
  ];
  return { start, ...Object.fromEntries(which.flatMap(branch)) };
}

/** A daemon, and a ComfyUI that has just run a prompt without models. */
async function arrange() {
  const { installed, client, sources } = await realDaemon({});
  const server = await startReal(installed.dir, installed, pack);
  /** Models in the order in which they were copied. */
  const copied = async () => {
    const { jobs } = await client.jobs();
    return jobs.map(({ id, path }) => ({ id, which: sources.indexOf(path) })).sort((a, b) => a.id - b.id);
  };
  const until = (which: number) =>
    vi.waitFor(async () => expect((await copied()).map((job) => job.which)).toContain(which), { timeout: 60_000 });
  return { installed, client, sources, server, copied, until };
}

describe.skipIf(!checkout)('a real ComfyUI has only that copied which its prompts will load', () => {
  test('of a prompt that is run for one of its outputs, nothing of the others', async () => {
    const { server, copied, until } = await arrange();
    await using _ = server;
    await server.outputs(branches([0, 1]), { partial_execution_targets: ['show0'] });
    // Prompts are told in their order.
    await server.outputs(branches([2]));
    await until(2);
    expect(new Set((await copied()).map(({ which }) => which))).toEqual(new Set([0, 2]));
  });

  test('nothing of a prompt that it refuses', async () => {
    const { server, copied, until } = await arrange();
    await using _ = server;
    for (const color of [1, 2]) {
      await expect(server.outputs(branches([1], { width: -1, color }))).rejects.toThrow('400');
      await server.outputs(branches([2], { color }));
    }
    await until(2);
    expect(new Set((await copied()).map(({ which }) => which))).toEqual(new Set([2]));
  });

  test('nothing of what it has loaded already', async () => {
    const { client, sources, server, copied, until } = await arrange();
    await using _ = server;
    await server.outputs(branches([0, 1]));
    await until(0);
    await until(1);
    const ready = () => client.entries({ cached: true });
    await vi.waitFor(async () => expect((await ready()).entries.length).toBe(2), { timeout: 60_000 });
    for (const source of sources.slice(0, 2)) await lapse(client, source);
    await client.clear({ all: true });
    const before = await copied();
    const count = {
      count: { class_type: 'CountProviders', inputs: { image: ['use0', 0] } },
      told: { class_type: 'PreviewAny', inputs: { source: ['count', 0] } },
    };
    const outputs = await server.outputs({ ...branches([0, 1, 2], { color: 5 }), ...count });
    // ComfyUI computes nothing more for the shim once the prompt runs.
    expect(outputs['told']?.text).toEqual(['0']);
    await until(2);
    expect((await copied()).slice(before.length).map(({ which }) => which)).toEqual([2]);
  });

  test('not the encoder of texts that are kept, although it was evicted and ComfyUI has restarted', async () => {
    const { installed, client, start, kept, root } = await realMemo({ mode: 'text', disk: 'hdd' });
    if (!client) throw new Error('there is no daemon');
    const encoder = join(root, 'text_encoders', 'clip_l.safetensors');
    const jobs = async () => (await client.jobs()).jobs.map(({ path }) => path);
    const idle = () =>
      vi.waitFor(
        async () =>
          expect((await client.jobs()).jobs.filter(({ state }) => state === 'queued' || state === 'running')).toEqual([]),
        { timeout: 120_000 },
      );
    {
      await using server = await start();
      await server.run(wholePrompt());
      await kept(2);
      await idle();
    }
    expect(await jobs()).toContain(encoder);
    await lapse(client, encoder);
    await client.evict({ paths: [encoder] });
    const before = await jobs();
    await using server = await start();
    await server.run(wholePrompt());
    const log = () => stripVTControlCharacters(readFileSync(join(baseOf(installed.dir), 'comfyui.log'), 'utf8'));
    await vi.waitFor(() => expect(log()).toContain('clip_l.safetensors is not needed'), { timeout: 60_000 });
    await idle();
    expect(await jobs()).toEqual(before);
    const { entries } = await client.entries({ cached: true });
    expect(entries.map(({ path }) => path)).not.toContain(encoder);
    // A text that is not kept needs it.
    await server.run(wholePrompt({ text: 'a horse' }));
    await vi.waitFor(async () => expect((await jobs()).filter((path) => path === encoder)).toHaveLength(2), {
      timeout: 60_000,
    });
  });

  test('and its log says that the daemon answers and what a node waits for, nothing else', async () => {
    const { installed, server, until } = await arrange();
    await using _ = server;
    await server.outputs(branches([0]));
    await until(0);
    await server.outputs(branches([0], { color: 1 }));
    const lines = stripVTControlCharacters(readFileSync(join(baseOf(installed.dir), 'comfyui.log'), 'utf8')).split('\n');
    const ours = lines.flatMap((line) => /autocached: (.*)/.exec(line)?.[1] ?? []);
    const [greeting = '', ...others] = ours;
    expect(greeting).toMatch(/^the daemon answers, and knows the \d+ model folders now$/);
    for (const line of others) expect(line).toBe(`${names[0]} is being copied to the faster disk; its node waits for it`);
    expect(lines.filter((line) => /Traceback|Cache provider|already registered|not registered/.test(line))).toEqual([]);
  });
});
