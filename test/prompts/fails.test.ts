import { describe, expect, test } from 'vitest';
import { fakeComfyui } from '../helpers/comfyui-server.ts';
import { openAiServer } from '../helpers/openai-server.ts';
import { imagePrompt, promptsRig } from './prompts-rig.ts';

test('ComfyUI’s error answers are passed on, and nothing is kept', async () => {
  const { comfyui, run, kept } = await promptsRig();
  const body = { error: { type: 'x', message: 'Prompt outputs failed validation' }, node_errors: {} };
  comfyui.state.refuse = { status: 400, body };
  const refused = await run(imagePrompt());
  expect([refused.status, refused.body.error.code, refused.body.error.comfyui]).toEqual([400, 'PROMPT_REFUSED', body]);
  comfyui.state.refuse = null;

  const details = { node_id: 'start', node_type: 'EmptyImage', exception_message: 'CUDA out of memory', traceback: ['…'] };
  comfyui.state.behave = (one) => one.fail('execution_error', details);
  const failed = await run(imagePrompt());
  expect([failed.status, failed.body.error.code]).toEqual([502, 'PROMPT_FAILED']);
  expect(failed.body.error.comfyui).toEqual(details);

  comfyui.state.behave = (one) => one.fail('execution_interrupted', { node_id: 'start' });
  const interrupted = await run(imagePrompt());
  expect([interrupted.status, interrupted.body.error.code]).toEqual([409, 'CANCELLED']);
  expect(await kept()).toBe(0);

  comfyui.state.behave = (one) => one.succeed(comfyui.paint(one.prompt));
  expect((await run(imagePrompt())).mark).toBe('MISS');
});

test('all who wait for a run that fails get its error, and the next one runs it again', async () => {
  const { comfyui, run } = await promptsRig();
  comfyui.state.behave = () => {};
  const asked = [1, 2, 3].map(() => run(imagePrompt()));
  const first = await comfyui.run(1);
  first.fail('execution_error', { exception_message: 'no memory' });
  const answers = await Promise.all(asked);
  expect(answers.map(({ body }) => body.error?.code)).toEqual(['PROMPT_FAILED', 'PROMPT_FAILED', 'PROMPT_FAILED']);
  expect(comfyui.runs.length).toBe(1);
  comfyui.state.behave = (one) => one.succeed(comfyui.paint(one.prompt));
  expect((await run(imagePrompt())).mark).toBe('MISS');
});

test('ComfyUI that is not there is one clear error', async () => {
  const { comfyui, run } = await promptsRig();
  await comfyui.close();
  const { status, body } = await run(imagePrompt());
  expect([status, body.error.code]).toEqual([502, 'UPSTREAM_AWAY']);
  expect(body.error.message).toContain(`ComfyUI at ${comfyui.url.slice(0, -1)} is not running`);
  expect(body.error.hint).toContain('AUTOCACHE_COMFYUI_URL');
});

test('without its messages the history says when a prompt is over', async () => {
  const { comfyui, run } = await promptsRig();
  comfyui.state.hasSockets = false;
  const asked = run(imagePrompt());
  expect((await asked).mark).toBe('MISS');
});

test('messages that break off in the middle are done without', async () => {
  const { comfyui, run } = await promptsRig();
  comfyui.state.behave = () => {};
  const asked = run(imagePrompt());
  const one = await comfyui.run(1);
  comfyui.state.hasSockets = false;
  for (const client of comfyui.clients.values()) client.terminate();
  one.succeed(comfyui.paint(one.prompt));
  expect((await asked).mark).toBe('MISS');
});

test('a prompt that ComfyUI has forgotten was cancelled', async () => {
  const { comfyui, run, kept } = await promptsRig();
  comfyui.state.hasSockets = false;
  comfyui.state.behave = () => {};
  const asked = run(imagePrompt());
  await comfyui.run(1);
  comfyui.forget();
  const { status, body } = await asked;
  expect([status, body.error.code, body.error.message]).toEqual([
    409,
    'CANCELLED',
    'ComfyUI does not know the prompt any more',
  ]);
  expect(await kept()).toBe(0);
});

test('ComfyUI that ends in the middle of a run is an error at once, and nothing is kept', async () => {
  const { comfyui, run, kept } = await promptsRig();
  comfyui.state.behave = () => {};
  const asked = run(imagePrompt());
  await comfyui.run(1);
  await comfyui.close();
  const { status, body } = await asked;
  expect([status, body.error.code]).toEqual([502, 'UPSTREAM_AWAY']);
  expect(await kept()).toBe(0);
});

test('a file that ComfyUI does not have any more is an error, and nothing is kept', async () => {
  const { comfyui, run, kept } = await promptsRig();
  comfyui.state.behave = (one) => one.succeed({ save: { images: [{ filename: 'gone.png', subfolder: '', type: 'output' }] } });
  const { status, body } = await run(imagePrompt());
  expect([status, body.error.code]).toEqual([404, 'NOT_FOUND']);
  expect(body.error.message).toContain('gone.png');
  expect(await kept()).toBe(0);
});

describe('a result that is not whole is told, and not kept', () => {
  test('when ComfyUI has left out an output', async () => {
    const { comfyui, run, kept } = await promptsRig();
    comfyui.state.nodeErrors = { other: { errors: [] } };
    const { mark, body } = await run(imagePrompt());
    expect([mark, body.stored, body.why]).toEqual(['MISS', false, expect.stringContaining('it refuses node other')]);
    expect(body.outputs.length).toBe(1);
    expect(await kept()).toBe(0);
  });

  test('when an output node has said nothing', async () => {
    const { comfyui, run } = await promptsRig();
    comfyui.state.behave = (one) => one.succeed({});
    const { body } = await run(imagePrompt());
    expect([body.stored, body.why]).toEqual([false, expect.stringContaining('node save (SaveImage)')]);
    await run(imagePrompt());
    expect(comfyui.runs.length).toBe(2);
  });
});

describe('no other address is reached', () => {
  test.each([
    ['http://example.com:8188', 403, 'FORBIDDEN'],
    ['http://169.254.169.254/', 403, 'FORBIDDEN'],
    ['http://127.0.0.1.example.com/', 403, 'FORBIDDEN'],
    ['http://0.0.0.0:8188/', 403, 'FORBIDDEN'],
    ['http://[::ffff:10.0.0.1]:8188/', 403, 'FORBIDDEN'],
    ['http://user:word@127.0.0.1:8188/', 400, 'BAD_REQUEST'],
    ['http://127.0.0.1:8188/?x=1', 400, 'BAD_REQUEST'],
    ['file:///etc/passwd', 400, 'BAD_REQUEST'],
    ['nonsense', 400, 'BAD_REQUEST'],
  ])('%s', async (comfyui, status, code) => {
    const { run } = await promptsRig();
    const answer = await run(imagePrompt(), { comfyui });
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
  });

  test('a server of this machine that is no ComfyUI gets no prompt', async () => {
    const { run } = await promptsRig();
    const other = await openAiServer();
    const { status, body } = await run(imagePrompt(), { comfyui: other.url });
    expect([status, body.error.message]).toEqual([400, `what answers at ${other.url}/ is no ComfyUI`]);
    expect(other.questions.every(({ method }) => method === 'GET')).toBe(true);
  });

  test('another ComfyUI of this machine runs it', async () => {
    const { run, comfyui } = await promptsRig();
    const other = await fakeComfyui();
    expect((await run(imagePrompt(), { comfyui: other.url })).mark).toBe('MISS');
    expect([comfyui.runs.length, other.runs.length]).toEqual([0, 1]);
  });
});

test.each([
  [{}],
  [{ prompt: 'x' }],
  [{ prompt: {} }],
  [{ prompt: { nodes: [], links: [] } }],
  [{ prompt: imagePrompt(), freshh: true }],
  [{ prompt: imagePrompt(), ttl: 'soon' }],
])('%j is refused, and no prompt is queued', async (body) => {
  const { send, comfyui } = await promptsRig();
  const answer = await send(body);
  expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([400, 'BAD_REQUEST']);
  expect(comfyui.runs.length).toBe(0);
});
