import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runDaemon } from '../helpers/daemon.ts';
import { patience } from '../helpers/patience.ts';
import { createServices } from '../helpers/services.ts';
import { prompt, switched } from '../workflow/documents.ts';

const base = 'checkpoints/base.safetensors';
const style = 'loras/sub/style.safetensors';

const document = prompt({
  '1': ['CheckpointLoaderSimple', { ckpt_name: 'base.safetensors' }],
  '2': [
    'LoraLoader',
    { model: ['1', 0], clip: ['1', 1], lora_name: 'sub\\style.safetensors', strength_model: 1, strength_clip: 1 },
  ],
  '3': ['UNETLoader', { unet_name: 'gone.safetensors' }],
  '9': ['PreviewAny', { source: ['2', 0] }],
  '10': ['PreviewAny', { source: ['3', 0] }],
});

test('the models of a prompt are named in load order, with where each file is', async () => {
  const { client, root } = await runDaemon({ [base]: 2000, [style]: 1000 });
  await client.warm({ paths: [join(root, base)], wait: true });
  await client.pin({ paths: [join(root, style)] });
  const { kind, models } = await client.analyze({ prompt: document });
  expect(kind).toBe('prompt');
  const inOrder = models.filter(({ name }) => name !== 'gone.safetensors');
  expect(inOrder).toMatchObject([
    {
      node: '1',
      classType: 'CheckpointLoaderSimple',
      input: 'ckpt_name',
      tier: 'ssd',
      ready: true,
      size: 2000,
      reason: 'HIT',
      pinned: false,
    },
    {
      node: '2',
      category: 'loras',
      name: 'sub/style.safetensors',
      tier: 'hdd',
      ready: false,
      size: 1000,
      how: 'core',
      pinned: true,
    },
  ]);
  expect(inOrder.map(({ path }) => path)).toEqual([join(root, base), join(root, style)]);
  expect(models.find(({ name }) => name === 'gone.safetensors')).toMatchObject({
    path: null,
    reason: 'SOURCE_MISSING',
    why: 'there is no such file',
    pinned: false,
    size: null,
  });
  expect((await client.jobs()).jobs).toHaveLength(1);
});

test('a prompt that is queued has its models copied in load order, behind those of the prompt before it', {
  tags: 'slow',
}, async () => {
  // Large enough to be copied one at a time.
  const models = Array.from({ length: 8 }, (_, index) => [`loras/${index}.safetensors`, 1_100_000 + index]);
  const daemon = await runDaemon(Object.fromEntries(models), { AUTOCACHE_JOBS: '1' });
  const ended = await daemon.client.events(AbortSignal.timeout(patience(10_000)));
  const chain = (from: number) =>
    prompt({
      ...Object.fromEntries(
        [0, 1, 2, 3].map((step) => [
          String(step),
          [
            'LoraLoaderModelOnly',
            { lora_name: `${from + step}.safetensors`, strength_model: 1, ...(step > 0 && { model: [String(step - 1), 0] }) },
          ],
        ]),
      ),
      '9': ['PreviewAny', { source: ['3', 0] }],
    });
  const [first, second] = await Promise.all([
    daemon.client.prefetch({ prompt: chain(4), promptId: 'first' }),
    daemon.client.prefetch({ prompt: chain(0), promptId: 'second' }),
  ]);
  expect(first.models.map(({ name }) => name)).toEqual([4, 5, 6, 7].map((number) => `${number}.safetensors`));
  expect([...first.jobs, ...second.jobs].map(({ priority }) => priority)).toEqual(Array(8).fill('prefetch'));
  const order: string[] = [];
  for await (const { name, data } of ended) {
    if (name === 'job-done') order.push(data.path);
    if (order.length === 8) break;
  }
  expect(order).toEqual([4, 5, 6, 7, 0, 1, 2, 3].map((number) => join(daemon.root, `loras/${number}.safetensors`)));
});

test('the load that follows a prefetch gets the copy', async () => {
  const { client, root, bytes } = await runDaemon({ [base]: 5000 });
  const { jobs } = await client.prefetch({ prompt: document });
  expect(jobs).toHaveLength(1);
  const answer = await client.lookup({ path: join(root, base), purpose: 'load', waitMs: 10_000, client: null });
  expect(answer.reason).toMatch(/^HIT/);
  expect(readFileSync(answer.path)).toEqual(bytes[base]);
});

test('warm takes a prompt or a workflow and waits for all of its models', async () => {
  const { client } = await runDaemon({ [base]: 2000, [style]: 1000 });
  const { items } = await client.warm({ prompt: document, wait: true });
  expect(items.filter(({ ready }) => ready).map(({ item }) => item)).toEqual([base, style]);
  const again = await client.warm({ prompt: document, check: true });
  expect(again).toMatchObject({ ready: 2, missing: 1 });
});

test('what is neither prompt nor workflow is refused with what to give', async () => {
  const { client } = await runDaemon({});
  for (const body of [{ prompt: {} }, { workflow: 'nonsense' }, {}]) {
    await expect(client.analyze(body)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      hint: expect.stringContaining('API prompt'),
    });
  }
});

test('the category of an unknown node is learned from what it really loads, and stays over a restart', async () => {
  const daemon = await runDaemon({ 'odd_models/x.safetensors': 1000, 'loras/x.safetensors': 500 });
  const odd = {
    prompt: prompt({ '5': ['StrangeLoader', { what: 'x.safetensors' }], '9': ['PreviewAny', { source: ['5', 0] }] }),
  };
  expect((await daemon.client.analyze(odd)).models).not.toMatchObject([{ category: 'odd_models' }]);

  await daemon.client.prefetch({ ...odd, promptId: 'p1' });
  const load = { category: 'odd_models', name: 'x.safetensors', purpose: 'load', waitMs: 0 } as const;
  await daemon.client.lookup({ ...load, client: { app: 'comfyui', prompt: 'another', node: '5' } });
  expect((await daemon.client.analyze(odd)).models).not.toMatchObject([{ how: 'learned' }]);
  await daemon.client.lookup({ ...load, client: { app: 'comfyui', prompt: 'p1', node: '5' } });
  const expected = [{ how: 'learned', category: 'odd_models', path: join(daemon.root, 'odd_models/x.safetensors') }];
  expect((await daemon.client.analyze(odd)).models).toMatchObject(expected);

  await daemon.restart();
  expect((await daemon.client.analyze(odd)).models).toMatchObject(expected);
});

test('an input that names files of two categories is not believed to name one', async () => {
  const { client } = await runDaemon({ 'one/x.safetensors': 1000, 'two/y.safetensors': 500 });
  const both = prompt({
    '5': ['StrangeLoader', { what: 'x.safetensors' }],
    '6': ['StrangeLoader', { what: 'y.safetensors' }],
    '9': ['PreviewAny', { source: ['5', 0], other: ['6', 0] }],
  });
  await client.prefetch({ prompt: both, promptId: 'p1' });
  for (const [node, category, name] of [
    ['5', 'one', 'x.safetensors'],
    ['6', 'two', 'y.safetensors'],
  ] as const) {
    const client1 = { app: 'comfyui', prompt: 'p1', node };
    await client.lookup({ category, name, purpose: 'load', waitMs: 0, client: client1 });
  }
  expect((await client.analyze({ prompt: both })).models.map(({ how }) => how)).not.toContain('learned');
});

test('of a workflow with a switch everything is warmed, and only what the switch asks for is prefetched', async () => {
  const files = { 'vae/off.pt': 1000, 'vae/on.pt': 2000 };
  const { client } = await runDaemon(files);
  const prefetched = await client.prefetch({ workflow: switched });
  expect(prefetched.models.map(({ name }) => name)).toEqual(['on.pt']);
  const warmed = await client.warm({ workflow: switched, wait: true });
  expect(warmed).toMatchObject({ ready: 2, missing: 0 });
});

test('no copy is made of a model that only kept outputs need, whoever names the prompt next', async () => {
  const encoder = 'text_encoders/gemma.safetensors';
  const { client } = await runDaemon({ [encoder]: 2000, 'vae/vae.pt': 1000 });
  const body = {
    promptId: 'p1',
    prompt: prompt({
      '1': ['CLIPLoader', { clip_name: 'gemma.safetensors' }],
      '2': ['CLIPTextEncode', { clip: ['1', 0], text: 'a knight' }],
      '3': ['VAELoader', { vae_name: 'vae.pt' }],
      '9': ['PreviewAny', { source: ['2', 0], other: ['3', 0] }],
    }),
  };
  const told = await client.prefetch({ ...body, keptNodes: ['2'] });
  expect(told.jobs.map(({ path }) => path)).toEqual([expect.stringMatching(/vae\.pt$/)]);
  expect(told.models).toMatchObject([
    { name: 'vae.pt' },
    {
      name: 'gemma.safetensors',
      notNeeded: true,
      ready: false,
      size: 2000,
      word: 'not needed',
      why: expect.stringContaining('kept'),
    },
  ]);
  // As the watch of ComfyUI's queue names it.
  expect((await client.prefetch(body)).jobs.map(({ path }) => path)).not.toContainEqual(expect.stringMatching(/gemma/));
  expect((await client.jobs()).jobs.map(({ path }) => path)).toEqual([expect.stringMatching(/vae\.pt$/)]);
  // It is a prediction: whoever loads the model after all has it copied.
  const { reason } = await client.lookup({
    category: 'text_encoders',
    name: 'gemma.safetensors',
    purpose: 'load',
    waitMs: 0,
    client: null,
  });
  expect(reason).toBe('QUEUED');
  expect((await client.prefetch({ ...body, promptId: 'other' })).models.map(({ name }) => name)).toContain('gemma.safetensors');
});

test('a prompt that somebody else names first waits for the word of the shim, where there is one', async () => {
  const { services, workflows } = createServices();
  const document = {
    prompt: prompt({
      '1': ['UNETLoader', { unet_name: 'a.safetensors' }],
      '9': ['PreviewAny', { source: ['1', 0] }],
    }),
  };
  const prefetch = vi.spyOn(workflows, 'prefetch');
  const named = () => prefetch.mock.calls.map(([, id]) => id);
  expect(services.workflows).toBe(workflows);
  await workflows.prefetchUnlessTold(document, 'before');
  expect(named()).toEqual(['before']);
  const shim = { ...document, client: { app: 'comfyui', pid: 1 } };
  await workflows.prefetch(shim, 'one');
  await workflows.prefetchUnlessTold(document, 'one');
  const waiting = workflows.prefetchUnlessTold(document, 'two');
  await workflows.prefetch({ ...shim, keptNodes: ['1'] }, 'two');
  await waiting;
  expect(named()).toEqual(['before', 'one', 'two']);
  // The shim may have told an earlier daemon of it.
  await workflows.prefetchUnlessTold(document, 'three');
  expect(named()).toEqual(['before', 'one', 'two', 'three']);
});
