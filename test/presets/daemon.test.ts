import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CompiledAnswer, GraphsAnswer, PresetFilesAnswer, PresetsAnswer } from '../../src/api/presets.ts';
import { exactInteger } from '../../src/core/json.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { lockDatabase } from '../helpers/locked-database.ts';
import { patience } from '../helpers/patience.ts';

const prompt = 'a lighthouse';
const fast = {
  'checkpoints/ltx-2.3-22b-distilled-1.1.safetensors': 1000,
  // In a folder of the user's own.
  'text_encoders/gemma/gemma_3_12B_it.safetensors': 1000,
};

describe('presets over HTTP', () => {
  test('are listed, the broken ones of the user with their fault', async () => {
    const { client, stateDir } = await runDaemon({});
    mkdirSync(join(stateDir, 'presets'));
    const own = { save: { class_type: 'SaveImage', inputs: { filename_prefix: '{{name=mine}}', images: ['a', 0] } } };
    writeFileSync(join(stateDir, 'presets', 'mine.json'), JSON.stringify(own));
    writeFileSync(join(stateDir, 'presets', 'broken.json'), '{');
    writeFileSync(join(stateDir, 'presets', 't2v.json'), JSON.stringify(own));
    const { presets } = await client.ask<PresetsAnswer>('GET', '/api/presets');
    expect(presets).toHaveLength(20);
    const users = presets.filter(({ origin }) => origin === 'user');
    expect(users.map(({ name, problem }) => [name, problem])).toEqual([
      ['broken', expect.stringContaining('is no JSON')],
      ['mine', null],
      ['t2v', 'a preset of autocached has this name'],
    ]);
    expect(users[1]?.slots).toEqual([{ name: 'name', kind: 'any', meaning: '', required: false, default: 'mine' }]);
    const answer = await client.ask<CompiledAnswer>('POST', '/api/presets/mine', { body: { name: 'other', check: true } });
    expect(answer.prompt['save']?.inputs['filename_prefix']).toBe('other');
    expect(
      JSON.stringify((await client.ask<CompiledAnswer>('POST', '/api/presets/t2v', { body: { prompt, check: true } })).prompt),
    ).toContain('EmptyLTXVLatentVideo');
  });

  test('name every missing file and where it is published, on a machine with none of them', async () => {
    const { client } = await runDaemon({ 'checkpoints/other.safetensors': 1000 });
    const ask = (body: object) => client.ask<CompiledAnswer>('POST', '/api/presets/t2v-two-stages', { body });
    const { missing, models } = await ask({ prompt, check: true });
    expect(missing).toBe(4);
    expect(models.map(({ state }) => state)).toEqual(['missing', 'missing', 'missing', 'missing']);
    await expect(ask({ prompt })).rejects.toMatchObject({
      code: 'SOURCE_MISSING',
      message: expect.stringContaining('4 of 4 files'),
    });
    for (const { url } of models) await expect(ask({ prompt })).rejects.toThrow(url ?? '-');
  });

  test('tell in one answer what each of them lacks', async () => {
    const { client, stateDir } = await runDaemon(fast);
    mkdirSync(join(stateDir, 'presets'));
    const own = { a: { class_type: 'VAELoader', inputs: { vae_name: 'mine.safetensors' } } };
    writeFileSync(join(stateDir, 'presets', 'mine.json'), JSON.stringify(own));
    writeFileSync(join(stateDir, 'presets', 'broken.json'), '{');
    const { presets } = await client.ask<PresetFilesAnswer>('GET', '/api/presets/files');
    const lacks = (name: string, family: string | null) => {
      const [one] = presets.filter((preset) => preset.name === name && preset.family === family);
      return one && { files: one.files, absent: one.absent.map(({ name: file, state, url }) => [file, state, url !== null]) };
    };
    expect(lacks('distilled-fast', 'ltx-2.3')).toMatchObject({ absent: [] });
    const { models } = await client.ask<CompiledAnswer>('POST', '/api/presets/t2v-one-stage', {
      body: { prompt, check: true },
    });
    const absent = models.filter(({ state }) => state !== 'here');
    expect(absent.length).toBeGreaterThan(0);
    expect(lacks('t2v-one-stage', 'ltx-2.3')).toEqual({
      files: models.length,
      absent: absent.map(({ name, state, url }) => [name, state, url !== null]),
    });
    // Of all fifteen, for both families.
    expect(presets.filter(({ family }) => family !== null)).toHaveLength(30);
    expect(presets.some(({ name }) => name === 'broken')).toBe(false);
  });

  test('say of files whose folder does not answer that they are away', async () => {
    const { client } = await runDaemon({});
    const run = client.ask('POST', '/api/generate-3d-cached', { body: { image: 'a.png' } });
    await expect(run).rejects.toMatchObject({
      code: 'SOURCE_AWAY',
      message: expect.stringMatching(/away {2}checkpoints.hunyuan_3d_v2.1.safetensors {2}https:/),
    });
  });

  test('find a file in any folder of its category', async () => {
    const { client } = await runDaemon(fast);
    const body = { prompt, seed: 7, check: true };
    const answer = await client.ask<CompiledAnswer>('POST', '/api/presets/distilled-fast', { body });
    expect(answer.missing).toBe(0);
    expect(JSON.stringify(answer.prompt)).toMatch(/"text_encoder":"gemma[/\\]+gemma_3_12B_it.safetensors"/);
  });

  test('keep all digits of a seed', async () => {
    const { client } = await runDaemon(fast);
    const body = { prompt, seed: exactInteger(2n ** 64n - 1n), check: true };
    const answer = await client.ask<CompiledAnswer>('POST', '/api/presets/distilled-fast', { body });
    expect(JSON.stringify(answer.prompt)).toContain('"noise_seed":18446744073709551615');
  });

  test('count the use of compiled graphs, over a restart, until these are cleared', async () => {
    const daemon = await runDaemon(fast);
    const ask = (body: object) => daemon.client.ask<CompiledAnswer>('POST', '/api/presets/distilled-fast', { body });
    const graphs = () => daemon.client.ask<GraphsAnswer>('GET', '/api/presets/graphs');
    const first = await ask({ prompt, width: 1024, check: true });
    await daemon.restart();
    const second = await ask({ prompt: 'a ship', width: 1024, check: true });
    expect([first.graph, second.graph]).toEqual(['miss', 'hit']);
    expect(await graphs()).toMatchObject({ max: 32, hits: 1, misses: 0, hitRate: 1 });
    const metrics = await fetch(`${daemon.client.daemon.url}/metrics`, { headers: await authorized(daemon.stateDir) });
    expect(await metrics.text()).toMatch(/^autocached_preset_graph_hits_total 1$/m);
    await daemon.client.changeConfig({ preset_graphs: '1' });
    await expect.poll(async () => (await graphs()).items, { timeout: patience(4_000) }).toBe(1);
    const letGo = await lockDatabase(join(daemon.dir, 'ssd/memo/memo.db'));
    await expect(daemon.client.ask('DELETE', '/api/presets/graphs')).rejects.toMatchObject({ code: 'BUSY' });
    await letGo();
    expect(await daemon.client.ask('DELETE', '/api/presets/graphs')).toEqual({ removed: 1 });
    expect(await graphs()).toMatchObject({ items: 0, max: 1 });
  });

  test('refuse what they cannot do', async () => {
    const { client } = await runDaemon({});
    const ask = (name: string, body: object) => client.ask('POST', `/api/presets/${name}`, { body });
    await expect(ask('no-such', { prompt })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ask('..%2F..%2Fsecret', { prompt })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ask('t2v-one-stage', { prompt, check: true, width: 3 })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(client.ask('POST', '/api/generate-3d-cached', { body: {} })).rejects.toThrow('image: it must be given');
  });
});

async function authorized(stateDir: string): Promise<Record<string, string>> {
  return { authorization: `Bearer ${(await readFile(join(stateDir, 'token'), 'utf8')).trim()}` };
}
