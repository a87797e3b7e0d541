import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../helpers/temp-dir.ts';
import { imagePrompt, promptsRig } from '../prompts/prompts-rig.ts';
import { runCli, startCli } from './run-cli.ts';

async function arrange() {
  const rig = await promptsRig();
  const cwd = tempDir();
  const { stateDir } = rig.daemon;
  const write = (text: string, name = 'prompt.json') => writeFileSync(join(cwd, name), text);
  write(JSON.stringify(imagePrompt()));
  return { ...rig, cwd, write, cli: (...args: string[]) => runCli(args, { stateDir, cwd }), stateDir };
}

test('run prints the paths of the files, and writes them where they are wanted', async () => {
  const { cli, cwd } = await arrange();
  const first = await cli('run', 'prompt.json', '--out', 'pictures');
  expect(first).toMatchObject({ code: 0, err: '' });
  const [head = '', file = ''] = first.out.split('\n');
  expect(head).toBe('computed, and kept');
  const path = file.split('  ')[0] ?? '';
  expect(path.startsWith(join(cwd, 'pictures', 'image_'))).toBe(true);
  expect(readFileSync(path).toString()).toBe(JSON.stringify(imagePrompt()));
  expect((await cli('run', 'prompt.json')).out).toMatch(/^known, computed .* ago\n\/.*\n$/);
});

test('run --json prints the answer of the daemon', async () => {
  const { cli } = await arrange();
  const { code, out, err } = await cli('run', 'prompt.json', '--json', '--watch');
  expect([code, err]).toEqual([0, '']);
  expect(JSON.parse(out)).toMatchObject({ reason: 'MISS', stored: true, outputs: [{ node: 'save' }] });
});

test('run --watch says how it goes, one line for each node', async () => {
  const { cli, comfyui } = await arrange();
  comfyui.state.behave = (run) => {
    run.tell('executing', { node: 'start' });
    run.tell('progress', { value: 1, max: 2 });
    run.tell('progress', { value: 2, max: 2 });
    run.tell('executing', { node: 'save' });
    run.succeed(comfyui.paint(run.prompt));
  };
  const { err } = await cli('run', 'prompt.json', '--watch');
  const lines = err.trim().split('\n');
  expect(lines[0]).toBe('on its way to ComfyUI');
  expect(lines.filter((line) => line.startsWith('EmptyImage'))).toEqual(['EmptyImage, 0 of 2 nodes done']);
  expect(lines).toContain('SaveImage, 1 of 2 nodes done');
  expect(lines.at(-1)).toBe('done, its files are being kept');
});

test('run --watch shows a bar on a terminal, and leaves nothing of it', async () => {
  const { comfyui, stateDir, cwd } = await arrange();
  comfyui.state.behave = (run) => {
    run.tell('executing', { node: 'start' });
    run.tell('progress', { value: 1, max: 2 });
  };
  const { done, err, out } = startCli(['run', 'prompt.json', '--watch'], { stateDir, cwd, columns: 100 });
  await err.until('EmptyImage, step 1 of 2, 0 of 2 nodes done');
  const run = await comfyui.run(1);
  run.succeed(comfyui.paint(run.prompt));
  expect((await done).code).toBe(0);
  expect(out.text).toContain('computed, and kept');
});

test('seeds of 64 bits reach ComfyUI as they are written', async () => {
  const { cli, write, comfyui } = await arrange();
  const sampler = '{"class_type":"RandomNoise","inputs":{"noise_seed":18446744073709551614}}';
  write(`{"n":${sampler},"save":{"class_type":"PreviewAny","inputs":{"source":["n",0]}}}`);
  comfyui.state.behave = (run) => run.succeed({ save: { text: ['noise'] } });
  const { out, code } = await cli('run', 'prompt.json');
  expect([code, out]).toEqual([0, 'computed, and kept\nsave text: ["noise"]\n']);
  expect(comfyui.runs[0]?.text).toContain('"noise_seed":18446744073709551614');
  write(`{"n":${sampler.replace('614}', '615}')},"save":{"class_type":"PreviewAny","inputs":{"source":["n",0]}}}`);
  await cli('run', 'prompt.json');
  expect(comfyui.runs.length).toBe(2);
});

test('the body of POST /prompt is a prompt too; a workflow of the editor is not', { tags: 'slow' }, async () => {
  const { cli, write } = await arrange();
  write(JSON.stringify({ prompt: imagePrompt(), client_id: 'x' }));
  expect((await cli('run', 'prompt.json')).code).toBe(0);
  write(JSON.stringify({ nodes: [], links: [] }));
  const wrong = await cli('run', 'prompt.json');
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain('holds no API prompt');
  expect(wrong.err).toContain('Export (API)');
  expect((await cli('run', 'nothing.json')).code).toBe(2);
});

test('what ComfyUI says of a prompt that it refuses or that fails is told, with exit code 1', async () => {
  const { cli, comfyui } = await arrange();
  comfyui.state.refuse = {
    status: 400,
    body: {
      error: { type: 'prompt_outputs_failed_validation', message: 'Prompt outputs failed validation', details: '' },
      node_errors: {
        start: { class_type: 'EmptyImage', errors: [{ message: 'Value -1 smaller than min of 1', details: 'width' }] },
      },
    },
  };
  const refused = await cli('run', 'prompt.json');
  expect(refused.code).toBe(1);
  expect(refused.err).toContain(
    'Prompt outputs failed validation; node start (EmptyImage): Value -1 smaller than min of 1: width',
  );
  comfyui.state.refuse = null;
  comfyui.state.behave = (run) =>
    run.fail('execution_error', { node_id: 'start', node_type: 'EmptyImage', exception_message: 'no memory' });
  const failed = await cli('run', 'prompt.json');
  expect([failed.code, failed.err]).toEqual([1, expect.stringContaining('in node start (EmptyImage): no memory')]);
  await comfyui.close();
  const away = await cli('run', 'prompt.json');
  expect([away.code, away.err]).toEqual([1, expect.stringContaining('is not running')]);
  expect(away.err).toContain('AUTOCACHE_COMFYUI_URL');
  expect((await runCli(['run', 'prompt.json'], { stateDir: tempDir(), cwd: tempDir() })).code).toBe(2);
});

test('a file whose name leads out of the folder is not written', async () => {
  const { cli, comfyui, cwd } = await arrange();
  comfyui.files.set('output/../../evil.png', Buffer.from('evil'));
  comfyui.state.behave = (run) =>
    run.succeed({ save: { images: [{ filename: 'evil.png', subfolder: '../..', type: 'output' }] } });
  const { code, err } = await cli('run', 'prompt.json', '--out', 'pictures');
  expect([code, err]).toEqual([2, expect.stringContaining('leads out of')]);
  expect(existsSync(join(cwd, '..', 'evil.png'))).toBe(false);
});
