import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { PromptAnswer } from '../../src/api/prompts.ts';
import { fiftyPrompts, wholePrompt } from '../helpers/memo-prompts.ts';
import { python } from '../helpers/real-comfyui.ts';
import { checkout, realMemo } from '../helpers/real-memo.ts';

type Rig = Awaited<ReturnType<typeof realMemo>>;
type Server = Awaited<ReturnType<Rig['start']>>;

const other = 'clip_other.safetensors';

/** What is asked after a restart of ComfyUI. Each case has outputs, and where something changes, models of its own. */
const cases = {
  same: wholePrompt({ pack: null, prefix: 'same' }),
  gone: wholePrompt({ pack: null, seed: 3, prefix: 'gone' }),
  seed: wholePrompt({ pack: null, seed: 2, prefix: 'same' }),
  text: wholePrompt({ pack: null, text: 'a horse', prefix: 'same' }),
  model: wholePrompt({ pack: null, encoder: other, prefix: 'model' }),
  pack: wholePrompt({ prefix: 'pack' }),
};
/** What runs before the restart. */
const before = ['same', 'gone', 'model', 'pack'] as const;
const troubled = wholePrompt({ pack: 'PackModel', prefix: 'troubled' });

const image = async (server: Server, prompt: object) => (await server.run(prompt)).image;

async function images(server: Server, prompts: readonly object[]): Promise<Buffer[]> {
  const made: Buffer[] = [];
  for (const prompt of prompts) made.push(await image(server, prompt));
  return made;
}

/** Another model under the name of the second text encoder, of the same size and time. */
function replaceEncoder({ root }: Rig): void {
  const path = join(root, 'text_encoders', other);
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  // Weights far behind the header: what was 0.1 is -0.1.
  for (let at = 4 * 2 ** 20 + 1; at < bytes.length; at += 2) bytes[at] = (bytes[at] ?? 0) ^ 0x80;
  rmSync(path);
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

let known: ReturnType<typeof withoutShim> | undefined;

/** What a ComfyUI without the shim makes of all this. */
async function withoutShim() {
  const plain = await realMemo({ mode: null });
  const fifty: Buffer[] = [];
  const asBefore: Record<string, Buffer> = {};
  {
    await using server = await plain.start();
    fifty.push(...(await images(server, fiftyPrompts())));
    for (const [name, prompt] of Object.entries(cases)) asBefore[name] = await image(server, prompt);
    asBefore['troubled'] = await image(server, troubled);
  }
  replaceEncoder(plain);
  plain.writePack(-2);
  await using server = await plain.start();
  const changed = { model: await image(server, cases.model), pack: await image(server, cases.pack) };
  for (const [name, one] of Object.entries(changed)) expect(one, name).not.toEqual(asBefore[name]);
  return { fifty, before: asBefore, after: { ...asBefore, ...changed } as Record<string, Buffer> };
}

function expected() {
  known ??= withoutShim();
  return known;
}

function assertQuietLog({ base }: Rig): void {
  const log = readFileSync(join(base, 'comfyui.log'), 'utf8');
  expect(log).not.toMatch(/Traceback|Cache provider|errors\b.*autocached/);
}

describe.skipIf(!checkout)('a real ComfyUI with what it has computed before', () => {
  test('its codec passes its own tests with the torch that ComfyUI has', () => {
    const here = join(import.meta.dirname, '..', 'comfyui');
    const { status, stderr } = spawnSync(python, ['-m', 'unittest', 'discover', '-s', here, '-p', 'test_memo_*.py'], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    expect(stderr).not.toContain('skipped');
  });

  test.each([
    ['text', 5],
    ['results', 60],
  ])('has the same images of fifty prompts with %s kept, before and after its restart', async (mode, least) => {
    const { fifty } = await expected();
    const memo = await realMemo({ mode });
    for (const when of ['before', 'after']) {
      await using server = await memo.start();
      for (const [k, made] of (await images(server, fiftyPrompts())).entries())
        expect(made.equals(fifty[k] ?? Buffer.of()), `prompt ${k} ${when} the restart`).toBe(true);
      if (when === 'before') await memo.kept(least);
    }
    expect((await memo.client?.stats())?.memo.hits).toBeGreaterThanOrEqual(least);
    assertQuietLog(memo);
  });

  test.each([
    ['--cache-ram', []],
    ['--cache-classic', ['--cache-classic']],
    ['--cache-lru', ['--cache-lru', '20']],
    ['--cache-none', ['--cache-none']],
  ])('is right after its restart with %s, whatever has changed', async (name, flags) => {
    const isKept = name !== '--cache-none';
    const images = await expected();
    const memo = await realMemo({ mode: 'results', flags });
    const output = join(memo.base, 'output');
    {
      await using server = await memo.start();
      for (const one of before) expect(await image(server, cases[one]), one).toEqual(images.before[one]);
      // Of each: two encodings, a latent, two images, what was saved; the first two have the same encodings.
      if (isKept) await memo.kept(22);
    }
    const saved = join(output, 'gone_00001_.png');
    const { mtimeMs } = statSync(saved);
    rmSync(saved);
    replaceEncoder(memo);
    memo.writePack(-2);

    await using server = await memo.start();
    /** Runs a case. @returns how many models its nodes have asked for */
    const asked = async (one: keyof typeof cases) => {
      const loads = await memo.loads();
      expect(await image(server, cases[one]), one).toEqual(images.after[one]);
      return (await memo.loads()) - loads;
    };
    expect(await asked('same')).toBe(isKept ? 0 : 4);
    expect(await asked('gone')).toBe(isKept ? 0 : 4);
    if (isKept) {
      // What was saved and is gone is put back as it was.
      expect(readdirSync(output).filter((file) => file.startsWith('gone'))).toEqual(['gone_00001_.png']);
      expect(statSync(saved).mtimeMs).toBe(mtimeMs);
      expect(server.openFilesBelow(join(memo.root, 'text_encoders'))).toEqual([]);
    }
    // The encoder is not among them: its texts are known.
    expect(await asked('seed')).toBe(isKept ? 3 : 4);
    for (const one of ['text', 'model', 'pack'] as const) await asked(one);
    if (!isKept) expect(await memo.items()).toBe(0);
    assertQuietLog(memo);
  });

  test('computes a given output again when it is idle, and a class that gives another one is kept no more', async () => {
    const memo = await realMemo({ mode: 'text', settings: { AUTOCACHE_MEMO_AUDIT: '1' } });
    const compared = async () => (await memo.client?.stats())?.memo.comparisons;
    const until = (what: object) => vi.waitFor(async () => expect(await compared()).toMatchObject(what), 120_000);
    {
      await using server = await memo.start();
      await server.run(wholePrompt());
      await memo.kept(2);
    }
    {
      await using server = await memo.start();
      await server.run(wholePrompt());
      await until({ agreed: 1, disagreed: 0, unrepeatable: [] });
      // ComfyUI has lost nothing for that, and shows nothing of it.
      const before = await memo.loads();
      await server.run(wholePrompt({ prefix: 'again' }));
      expect(await memo.loads()).toBe(before);
      const shown = async () => Object.keys((await server.get('/history')).body as object);
      await vi.waitFor(async () => expect(await shown()).toHaveLength(2), 60_000);
    }
    writeFileSync(join(memo.base, 'custom_nodes', 'other-layer'), '');
    {
      await using server = await memo.start();
      await server.run(wholePrompt());
      await until({ agreed: 1, disagreed: 1, unrepeatable: [{ class: 'CLIPTextEncode' }] });
      expect(await memo.items()).toBe(0);
      // The shim hears of it after the daemon.
      const said = () => readFileSync(join(memo.base, 'comfyui.log'), 'utf8');
      await vi.waitFor(() => expect(said()).toContain('CLIPTextEncode gave another output for the same inputs'), 120_000);
    }
    assertQuietLog(memo);
  });

  test('keeps nothing of a node that fails or is interrupted in the midst of it, and all once it has ended', async () => {
    const { before } = await expected();
    const memo = await realMemo({ mode: 'results' });
    const nodes = join(memo.base, 'custom_nodes');
    const happened = () => readFileSync(join(nodes, 'happened'), 'utf8');

    {
      await using server = await memo.start();
      for (const trouble of ['fail', 'interrupt']) {
        writeFileSync(join(nodes, 'trouble'), trouble);
        await expect(server.run(troubled)).rejects.toThrow('failed');
        // The two encodings, which were whole.
        await memo.kept(2);
        expect(await memo.items()).toBe(2);
      }
      expect(happened()).toBe('failinterrupt');
      rmSync(join(nodes, 'trouble'));
      expect(await image(server, troubled)).toEqual(before['troubled']);
      await memo.kept(6);
    }
    await using server = await memo.start();
    const loads = await memo.loads();
    expect(await image(server, troubled)).toEqual(before['troubled']);
    expect(await memo.loads()).toBe(loads);
    // Asked for anew, all of its nodes run.
    await server.free();
    const body = { prompt: troubled, comfyui: server.url, fresh: true, repeatable: ['PackModel'] };
    const fresh = await memo.client?.ask<PromptAnswer>('POST', '/api/prompts/run', { body, answerMs: null });
    expect(readFileSync(fresh?.outputs[0]?.path ?? '')).toEqual(before['troubled']);
    expect(await memo.loads()).toBe(loads + 4);
  });
});
