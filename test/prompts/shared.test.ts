import { expect, test, vi } from 'vitest';
import type { MemoEntriesAnswer } from '../../src/api/memo.ts';
import type { PromptRunsAnswer } from '../../src/api/prompts.ts';
import { soon } from '../helpers/patience.ts';
import { bytesOf, imagePrompt, promptsRig } from './prompts-rig.ts';

test('100 equal requests are one run, also with results off', { tags: 'slow' }, async () => {
  const { comfyui, run, daemon } = await promptsRig();
  comfyui.state.behave = () => {};
  for (const [number, reason] of [
    [1, 'HIT'],
    [2, 'BYPASS_OFF'],
  ] as const) {
    const asked = Array.from({ length: 100 }, () => run(imagePrompt({ color: number })));
    const one = await comfyui.run(number);
    // Who comes after the end is not one of those who wait for it.
    await vi.waitFor(async () => {
      const { running } = await daemon.client.ask<PromptRunsAnswer>('GET', '/api/prompts');
      expect(running).toMatchObject([{ waiting: 100 }]);
    }, soon());
    one.succeed(comfyui.paint(one.prompt));
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.promptId))).toEqual(new Set([one.promptId]));
    expect(answers.some(({ body }) => body.reason === reason)).toBe(true);
    expect(comfyui.runs.length).toBe(number);
    await daemon.client.changeConfig({ memo: 'off' });
  }
});

test('the runs that go on are listed, with who waits for them', async () => {
  const { comfyui, run, daemon } = await promptsRig();
  comfyui.state.behave = (one) => one.tell('executing', { node: 'save' });
  const listed = async () => (await daemon.client.ask<PromptRunsAnswer>('GET', '/api/prompts')).running;
  expect(await listed()).toEqual([]);
  const asked = [run(imagePrompt()), run(imagePrompt())];
  const one = await comfyui.run(1);
  await vi.waitFor(async () => {
    expect(await listed()).toEqual([
      expect.objectContaining({
        ...{ state: 'running', promptId: one.promptId, label: 'SaveImage, 2 nodes', classType: 'SaveImage' },
        ...{ comfyui: comfyui.url, nodes: 2, waiting: 2, key: expect.stringMatching(/^[0-9a-f]{64}$/) },
      }),
    ]);
  }, soon());
  one.succeed(comfyui.paint(one.prompt));
  const [answer] = await Promise.all(asked);
  await vi.waitFor(async () => expect(await listed()).toEqual([]), soon());
  const { entries } = await daemon.client.ask<MemoEntriesAnswer>('GET', '/api/cache/entries?plane=memo&ns=prompts');
  expect(entries).toMatchObject([{ key: answer?.body.key, label: 'SaveImage, 2 nodes' }]);
});

test('the nodes of an answer are called as in the prompt of whoever asks', async () => {
  const { comfyui, run } = await promptsRig();
  comfyui.state.behave = () => {};
  const [first, second] = [run(imagePrompt({ save: '9' })), run(imagePrompt({ save: '12:3', prefix: 'other' }))];
  const one = await comfyui.run(1);
  one.succeed(comfyui.paint(one.prompt));
  const nodes = [await first, await second].map(({ body }) => body.outputs[0].node);
  expect(nodes).toEqual(['9', '12:3']);
});

test('so are those of how it goes', async () => {
  const { comfyui, run, send } = await promptsRig();
  comfyui.state.behave = (one) => one.tell('executing', { node: '9' });
  const first = run(imagePrompt({ save: '9' }));
  const one = await comfyui.run(1);
  const reader = (await send({ prompt: imagePrompt({ save: '12:3' }), watch: true })).body?.getReader();
  let text = '';
  for (; !text.includes('"node":"'); ) text += Buffer.from((await reader?.read())?.value ?? []).toString();
  expect(text).toContain('"node":"12:3","classType":"SaveImage"');
  one.succeed(comfyui.paint(one.prompt));
  await first;
  await reader?.cancel();
});

test('a run that nobody waits for any more is stopped in ComfyUI', async () => {
  const { comfyui, send, kept } = await promptsRig();
  comfyui.state.behave = () => {};
  const gone = new AbortController();
  const asked = send({ prompt: imagePrompt() }, { signal: gone.signal }).catch(() => null);
  const one = await comfyui.run(1);
  gone.abort();
  await asked;
  await one.ended;
  expect(comfyui.asked).toContain('POST /interrupt');
  expect(await kept()).toBe(0);
});

test('one that waits in the queue is taken out, and the one that runs goes on', async () => {
  const { comfyui, send, run } = await promptsRig();
  comfyui.state.behave = () => {};
  const other = run(imagePrompt({ color: 1 }));
  const one = await comfyui.run(1);
  const gone = new AbortController();
  const asked = send({ prompt: imagePrompt({ color: 2 }) }, { signal: gone.signal }).catch(() => null);
  await comfyui.until(() => comfyui.pending.length === 1);
  gone.abort();
  await asked;
  await comfyui.until(() => comfyui.asked.includes('POST /queue'));
  await vi.waitFor(() => expect(comfyui.pending).toEqual([]), soon());
  one.succeed(comfyui.paint(one.prompt));
  expect((await other).mark).toBe('MISS');
  expect(comfyui.asked).not.toContain('POST /interrupt');
});

test('one of two who leaves stops nothing', async () => {
  const { comfyui, send, run } = await promptsRig();
  comfyui.state.behave = () => {};
  const gone = new AbortController();
  const first = send({ prompt: imagePrompt() }, { signal: gone.signal }).catch(() => null);
  const one = await comfyui.run(1);
  const second = send({ prompt: imagePrompt(), watch: true });
  // It has heard of the run when its answer begins with how that does.
  const reader = (await second).body?.getReader();
  for (let text = ''; !text.includes('progress'); ) text += Buffer.from((await reader?.read())?.value ?? []).toString();
  gone.abort();
  await first;
  one.succeed(comfyui.paint(one.prompt));
  let rest = '';
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read())
    rest += Buffer.from(part.value).toString();
  expect(rest).toContain('event: done');
  expect(comfyui.asked).not.toContain('POST /interrupt');
  expect((await run(imagePrompt())).mark).toBe('HIT');
});

test('who waits no longer is told so; the run goes on, and its outputs are known then', async () => {
  const { comfyui, run } = await promptsRig();
  comfyui.state.behave = () => {};
  const early = await run(imagePrompt(), { waitMs: 0 });
  expect([early.status, early.mark, early.body.reason, early.body.outputs]).toEqual([202, 'RUNNING', 'RUNNING', []]);
  const one = await comfyui.run(1);
  const later = run(imagePrompt());
  one.succeed(comfyui.paint(one.prompt));
  expect((await later).status).toBe(200);
  const known = await run(imagePrompt());
  expect([known.mark, comfyui.runs.length]).toEqual(['HIT', 1]);
});

test('fresh runs it, and replaces what is known', async () => {
  const { comfyui, run } = await promptsRig();
  await run(imagePrompt());
  comfyui.state.behave = (one) => {
    comfyui.files.set('output//new.png', Buffer.from('new'));
    one.succeed({ save: { images: [{ filename: 'new.png', subfolder: '', type: 'output' }] } });
  };
  const fresh = await run(imagePrompt(), { fresh: true });
  expect([fresh.mark, fresh.body.stored, bytesOf(fresh.body)]).toEqual(['MISS', true, ['new']]);
  // The shim in ComfyUI gives its nodes nothing either.
  const told = comfyui.runs.map(({ text }) => (JSON.parse(text) as { extra_data?: object }).extra_data);
  expect(told).toEqual([undefined, { autocached: { fresh: true } }]);
  const known = await run(imagePrompt());
  expect([known.mark, bytesOf(known.body)]).toEqual(['HIT', ['new']]);
});

test('a stale result is given at once, and run anew behind it', async () => {
  const { comfyui, run } = await promptsRig();
  await run(imagePrompt(), { ttl: 1, stale: '1h' });
  const stale = await vi.waitFor(async () => {
    const answer = await run(imagePrompt());
    expect(answer.mark).toBe('STALE');
    return answer;
  }, soon());
  expect(stale.body.outputs.length).toBe(1);
  await comfyui.run(2);
  await vi.waitFor(async () => expect((await run(imagePrompt())).mark).toBe('HIT'), soon());
});

test('tags name results, and bytes come in the answer where they are asked for', async () => {
  const { run, daemon, kept } = await promptsRig();
  await run(imagePrompt(), { tags: ['shop'] });
  const { body } = await run(imagePrompt(), { as: 'bytes' });
  expect(Buffer.from(body.outputs[0].bytes, 'base64').toString()).toBe(JSON.stringify(imagePrompt()));
  await daemon.client.ask('POST', '/api/memo/invalidate', { body: { ns: 'prompts', tags: ['shop'] } });
  expect(await kept()).toBe(0);
});

test('the models of a prompt are prefetched', async () => {
  const { run, daemon } = await promptsRig({ 'upscale_models/a.safetensors': 2000 });
  const prompt = {
    ...imagePrompt(),
    load: { class_type: 'UpscaleModelLoader', inputs: { model_name: 'a.safetensors' } },
    use: { class_type: 'ImageUpscaleWithModel', inputs: { upscale_model: ['load', 0], image: ['start', 0] } },
    save: { class_type: 'SaveImage', inputs: { images: ['use', 0], filename_prefix: 'x' } },
  };
  await run(prompt);
  await vi.waitFor(async () => expect((await daemon.client.entries({ cached: true })).entries.length).toBe(1), soon());
});
