import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PromptAnswer } from '../../src/api/prompts.ts';
import type { Client } from '../../src/cli/client.ts';
import { baseOf, checkout, expectedImage, names, prompt, realDaemon, startReal } from '../helpers/real-comfyui.ts';

/** An image of one colour, which is saved. */
function image(color: number, more: object = {}): object {
  return {
    start: { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color } },
    save: { class_type: 'SaveImage', inputs: { images: ['start', 0], filename_prefix: 'run' } },
    ...more,
  };
}

/** A node that takes its time, as the sampler of a large model does. */
const pack = `
import time
import comfy.model_management


class Slow:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "wait"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",), "seconds": ("INT", {"default": 60})}}

    def wait(self, image, seconds):
        if seconds < 0:
            raise ValueError("no time left")
        for _ in range(seconds * 10):
            comfy.model_management.throw_exception_if_processing_interrupted()
            time.sleep(0.1)
        return (image,)


NODE_CLASS_MAPPINGS = {"Slow": Slow}
`;

function slow(seconds: number, color = 1): object {
  return image(color, {
    wait: { class_type: 'Slow', inputs: { image: ['start', 0], seconds } },
    save: { class_type: 'SaveImage', inputs: { images: ['wait', 0], filename_prefix: 'slow' } },
  });
}

async function arrange() {
  const { installed, client, sources } = await realDaemon({});
  const server = await startReal(installed.dir, undefined, pack);
  const ask = (asked: object, more: object = {}) => runOf(client, { prompt: asked, comfyui: server.url, ...more });
  /** ComfyUI's queue and history. */
  const runs = async () => Object.keys((await server.get('/history')).body as object).length;
  return { installed, client, sources, server, ask, runs };
}

function runOf(client: Client, body: object): Promise<PromptAnswer> {
  return client.ask('POST', '/api/prompts/run', { body, answerMs: null });
}

describe.skipIf(!checkout)('whole prompts of a real ComfyUI', () => {
  test('the first run is that of ComfyUI; a hit with ComfyUI stopped is the same within 100 ms', async () => {
    const { ask, server, runs } = await arrange();
    await using _ = server;
    const began = performance.now();
    const first = await ask(prompt);
    const firstMs = performance.now() - began;
    expect([first.reason, first.stored, first.why]).toEqual(['MISS', true, null]);
    const [output] = first.outputs;
    const pixels = (bytes: Buffer) => bytes.subarray(bytes.indexOf('IDAT'));
    expect(pixels(readFileSync(output?.path ?? ''))).toEqual(pixels(await expectedImage()));
    expect(await runs()).toBe(1);

    await server.end('SIGTERM');
    const times: number[] = [];
    for (let k = 0; k < 50; k += 1) {
      const asked = performance.now();
      const known = await ask(prompt);
      times.push(performance.now() - asked);
      expect([known.reason, known.outputs]).toEqual(['HIT', first.outputs]);
    }
    times.sort((a, b) => a - b);
    const [p50 = 0, p95 = 0] = [times[25], times[47]];
    console.info(
      `first run ${firstMs.toFixed(0)} ms; hit with ComfyUI stopped: p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`,
    );
    expect(p50).toBeLessThan(firstMs);
    await expect(ask(image(77))).rejects.toThrow('is not running');
  });

  test('100 equal requests are one run', async () => {
    const { ask, runs, server } = await arrange();
    await using _ = server;
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(image(3))));
    expect(new Set(answers.map(({ promptId }) => promptId)).size).toBe(1);
    expect(await runs()).toBe(1);
    expect((await ask(image(3))).reason).toBe('HIT');
  });

  test('fresh runs it again, though ComfyUI answers from its own cache', async () => {
    const { ask, runs, server } = await arrange();
    await using _ = server;
    const first = await ask(image(4));
    const fresh = await ask(image(4), { fresh: true });
    expect([fresh.reason, fresh.stored, fresh.outputs[0]?.sha256]).toEqual(['MISS', true, first.outputs[0]?.sha256]);
    expect(await runs()).toBe(2);
  });

  test('a model that was replaced, and another input image, are computed again', async () => {
    const { ask, sources, server, installed } = await arrange();
    await using _ = server;
    const up = {
      image: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
      load: { class_type: 'UpscaleModelLoader', inputs: { model_name: names[0] } },
      use: { class_type: 'ImageUpscaleWithModel', inputs: { upscale_model: ['load', 0], image: ['image', 0] } },
      save: { class_type: 'SaveImage', inputs: { images: ['use', 0], filename_prefix: 'up' } },
    };
    const input = join(baseOf(installed.dir), 'input', 'a.png');
    const picture = async (color: number) => readFileSync((await ask(image(color))).outputs[0]?.path ?? '');
    writeFileSync(input, await picture(5));
    const reasons = [(await ask(up)).reason, (await ask(up)).reason];
    writeFileSync(input, await picture(6));
    reasons.push((await ask(up)).reason, (await ask(up)).reason);
    const [first = '', second = ''] = sources;
    writeFileSync(first, readFileSync(second));
    // What was looked at in the last two seconds is not looked at again.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    reasons.push((await ask(up)).reason);
    expect(reasons).toEqual(['MISS', 'HIT', 'MISS', 'HIT', 'MISS']);
  });

  test('what it refuses, what fails and what is interrupted leaves nothing, and is told in its words', async () => {
    const { ask, client, server } = await arrange();
    await using _ = server;
    const kept = async () => (await client.stats()).memo.current_items;
    await expect(ask(image(-1))).rejects.toThrow(/refuses the prompt: .*node start \(EmptyImage\)/);
    const repeatable = ['Slow'];
    await expect(ask(slow(-1), { repeatable })).rejects.toThrow('in node wait (Slow): no time left');
    const asked = ask(slow(60), { repeatable });
    asked.catch(() => {});
    await running(server);
    await fetch(`${server.url}/interrupt`, { method: 'POST' });
    await expect(asked).rejects.toThrow('was interrupted in ComfyUI');
    const lost = ask(slow(60, 2), { repeatable });
    lost.catch(() => {});
    await running(server);
    await server.end('SIGKILL');
    await expect(lost).rejects.toThrow('is not running');
    expect(await kept()).toBe(0);
  });

  test('progress is told, and whoever leaves alone stops the run', async () => {
    const { client, server } = await arrange();
    await using _ = server;
    const leave = new AbortController();
    const body = { prompt: slow(600, 8), comfyui: server.url, watch: true };
    const events = await client.stream<{ name: string; data: { classType?: string } }>('POST', '/api/prompts/run', {
      body,
      signal: leave.signal,
    });
    for await (const { data } of events) if (data.classType === 'Slow') break;
    leave.abort();
    for (;;) {
      const { body: queue } = await server.get('/queue');
      if ((queue as { queue_running: unknown[] }).queue_running.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const history = Object.values((await server.get('/history')).body as Record<string, { status: { messages: [string][] } }>);
    expect(history.at(-1)?.status.messages.map(([name]) => name)).toContain('execution_interrupted');
  });
});

async function running(server: { get(path: string): Promise<{ body: unknown }> }): Promise<void> {
  for (;;) {
    const { body } = await server.get('/queue');
    if ((body as { queue_running: unknown[] }).queue_running.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
