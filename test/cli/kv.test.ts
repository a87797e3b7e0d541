import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { llamaServer } from '../helpers/llama-server.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { runCli } from './run-cli.ts';

const words = Array.from({ length: 200 }, (_, index) => `word${index}`).join(' ');

async function rig() {
  const server = await llamaServer();
  const cwd = tempDir();
  const stateDir = join(cwd, 'state');
  writeFileSync(join(cwd, 'prompt.txt'), words);
  writeFileSync(join(cwd, 'chat.json'), JSON.stringify([{ role: 'user', content: words }]));
  const kv = (...args: string[]) => runCli(['kv', ...args, '--server', server.url], { cwd, stateDir });
  const json = async (...args: string[]) => JSON.parse((await kv(...args, '--json')).out);
  return { ...server, cwd, stateDir, kv, json };
}

describe('autocached kv', () => {
  test('restores a prompt after the server was started anew, and proves that it is reused', async () => {
    const { kv, restart } = await rig();
    const saved = await kv('save', 'manual', '--prompt', 'prompt.txt');
    expect(saved).toMatchObject({ code: 0, out: expect.stringContaining('saved manual: 200 tokens in 1000 B') });
    restart();
    const restored = await kv('restore', 'manual');
    expect(restored).toMatchObject({
      code: 0,
      out: expect.stringContaining('proven: the next request reused 199 of 200 tokens'),
    });
  });

  test('says that a server does not reuse what it says that it has restored', async () => {
    const { kv, json, world } = await rig();
    world.reuses = false;
    await kv('save', 'manual', '--prompt', 'prompt.txt');
    // What is in the slot by itself would look like success.
    const restored = await kv('restore', 'manual');
    expect(restored).toMatchObject({ code: 4, out: expect.stringContaining('does not reuse what it restores') });
    expect(restored.out).toContain('the server has read 200 tokens');
    expect(await json('restore', 'manual')).toMatchObject({ restored: 200, reused: 0, isReused: false });
  });

  test('a model that cannot go back in what is restored reuses it for requests that go on from there', async () => {
    const { kv, json, world, restart } = await rig();
    world.goesBack = false;
    await kv('save', 'manual', '--prompt', 'prompt.txt');
    restart();
    const restored = await kv('restore', 'manual');
    expect(restored).toMatchObject({ code: 0, out: expect.stringContaining('ends reused 200 of 201 tokens') });
    expect(restored.out).toContain('this model cannot go back');
    expect(await json('restore', 'manual')).toMatchObject({ reused: 200, isReused: true, onlyContinued: true });
  });

  test('counts what older servers have computed', async () => {
    const { kv, json, world, restart } = await rig();
    world.tells = false;
    await kv('save', 'manual', '--messages', 'chat.json');
    restart();
    expect(await json('restore', 'manual')).toMatchObject({ reused: 199, isReused: true });
  });

  test('a slot of another model or build is not restored', async () => {
    const { kv, world } = await rig();
    await kv('save', 'manual', '--prompt', 'prompt.txt');
    world.build = 'b101-def';
    const other = await kv('restore', 'manual');
    expect(other).toMatchObject({ code: 1, err: expect.stringMatching(/b101-def.*it is of tiny\.gguf, llama\.cpp b100-abc/) });
    world.build = 'b100-abc';
    world.params = 2000;
    expect((await kv('restore', 'manual')).code).toBe(1);
    expect((await kv('restore', 'none')).err).toContain('nothing was saved as none');
  });

  test('the oldest files leave to make room, none but its own', async () => {
    const { kv, json, dir, cwd, files, sizeOf } = await rig();
    writeFileSync(join(dir, 'mine.kv'), 'x'.repeat(5000));
    const names = ['one', 'two', 'three'];
    for (const name of names) {
      writeFileSync(join(cwd, `${name}.txt`), `${name} ${words}`);
      await kv('save', name, '--prompt', `${name}.txt`, '--dir', dir, '--limit', '10000');
    }
    const { removed } = await json('save', 'four', '--prompt', 'prompt.txt', '--dir', dir, '--limit', '2500');
    expect(removed.map((file: string) => /^autocached-(\w+)-/.exec(file)?.[1])).toEqual(['one', 'two']);
    expect([...files.keys()].filter((file) => sizeOf(file) !== undefined)).toHaveLength(2);
    expect(sizeOf('mine.kv')).toBe(5000);
    expect((await kv('restore', 'one')).code).toBe(1);
  });

  test('what is kept of a prompt only its user can read', async () => {
    const { kv, json, stateDir } = await rig();
    const { file } = await json('save', 'manual', '--prompt', 'prompt.txt');
    expect(statSync(join(stateDir, 'kv')).mode & 0o077).toBe(0);
    expect(statSync(join(stateDir, 'kv', `${file}.json`)).mode & 0o077).toBe(0);
    expect((await kv('save', '../../etc', '--prompt', 'prompt.txt')).code).toBe(2);
  });

  test('a server that saves elsewhere than said is told', async () => {
    const { kv, cwd } = await rig();
    const saved = await kv('save', 'manual', '--prompt', 'prompt.txt', '--dir', cwd);
    expect(saved).toMatchObject({ code: 1, err: expect.stringContaining('Is --dir its --slot-save-path?') });
  });

  test('a server that cannot save says how to start it; one that is none, or away, is told', async () => {
    const { kv, world, cwd, stateDir } = await rig();
    world.saves = false;
    const refused = await kv('save', 'manual', '--prompt', 'prompt.txt');
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('--slot-save-path') });
    const away = await runCli(['kv', 'restore', 'manual', '--server', 'http://127.0.0.1:1'], { cwd, stateDir });
    expect(away).toMatchObject({ code: 1, err: expect.stringContaining('is not running') });
  });

  test.each([
    [503, 'Loading model', 'when it has loaded its model'],
    [401, 'Invalid API Key', 'It wants a key'],
    [501, 'This feature is not supported by multimodal', 'without --mmproj'],
    [400, 'the request exceeds the available context size, try increasing it', 'longer context'],
  ])('a refusal (%i %s) says what to do', async (status, message, hint) => {
    const { kv, world } = await rig();
    world.refusal = { status, message };
    expect(await kv('save', 'manual', '--prompt', 'prompt.txt')).toMatchObject({
      code: 1,
      err: expect.stringMatching(new RegExp(`${message}[^]*${hint}`)),
    });
  });

  test('a file that the server has lost is to be saved again', async () => {
    const { kv, json, files } = await rig();
    const { file } = await json('save', 'manual', '--prompt', 'prompt.txt');
    files.delete(file);
    expect(await kv('restore', 'manual')).toMatchObject({ code: 1, err: expect.stringContaining('save the prompt again') });
  });

  test('a slot that the server does not have is not asked for: it would be accepted', async () => {
    const { kv } = await rig();
    const saved = await kv('save', 'manual', '--prompt', 'prompt.txt', '--slot', '4');
    expect(saved).toMatchObject({ code: 2, err: expect.stringContaining('Its only slot is 0') });
  });

  test('an empty prompt is wrong use', async () => {
    const { kv, cwd } = await rig();
    writeFileSync(join(cwd, 'prompt.txt'), '');
    expect(await kv('save', 'manual', '--prompt', 'prompt.txt')).toMatchObject({
      code: 2,
      err: expect.stringContaining('prompt.txt is empty'),
    });
  });

  test.each([
    [['save', 'manual']],
    [['save', 'manual', '--prompt', 'prompt.txt', '--messages', 'chat.json']],
    [['save', 'manual', '--messages', 'prompt.txt']],
    [['save', 'manual', '--prompt', 'prompt.txt', '--slot', '-1']],
  ])('%j is wrong use', async (args) => {
    const { kv } = await rig();
    expect((await kv(...args)).code).toBe(2);
  });
});
