import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ComfyuiServer } from '../../bench/comfyui-server.ts';
import { installShim, uninstallShim } from '../../src/cli/comfyui-link.ts';
import { examine } from '../../src/cli/doctor/examine.ts';
import { baseOf, checkout, expectedImage, names, prompt, realDaemon, startReal } from '../helpers/real-comfyui.ts';

describe.skipIf(!checkout)('a real ComfyUI on the CPU', () => {
  test('has the same image on its first run with autocached, all models from their copies, and stops at Ctrl-C', async () => {
    const { installed, client, sources } = await realDaemon({ AUTOCACHE_ON_MISS: 'wait' });
    const server = await startReal(installed.dir, installed);
    const before = await lists(server);
    expect((await server.run(prompt)).image).toEqual(await expectedImage());
    expect(await lists(server)).toEqual(before);
    expect(before).toMatchObject({ models: names });
    for (const path of sources) {
      const { decisions } = await client.explain(path);
      expect(decisions.map(({ reason }) => reason)).toContainEqual(expect.stringMatching(/^HIT/));
    }
    expect(await server.end('SIGINT')).toBe(true);
  });

  test('finishes its prompt when the daemon is killed while a node waits for its copy', async () => {
    const { installed, client } = await realDaemon({ AUTOCACHE_ON_MISS: 'wait', AUTOCACHE_RATE: '1KiB' });
    await using server = await startReal(installed.dir, installed);
    const events = await client.events(AbortSignal.timeout(60_000));
    const result = server.run(prompt);
    for await (const { name } of events) if (name === 'job-started') break;
    await installed.end('SIGKILL');
    expect((await result).image).toEqual(await expectedImage());
  });

  test('runs the node that gives a path, and is found in order by the doctor', async () => {
    const { installed, client, sources } = await realDaemon({ AUTOCACHE_ON_MISS: 'wait' });
    await using server = await startReal(installed.dir, installed);
    const where = { class_type: 'AutocachedPath', inputs: { category: 'upscale_models', name: names[0] } };
    const shown = ['path', 'tier', 'reason'].map((name, index) => [
      name,
      { class_type: 'PreviewAny', inputs: { source: ['where', index] } },
    ]);
    const outputs = await server.outputs({ ...prompt, where, ...Object.fromEntries(shown) });
    const { entry } = await client.explain(sources[0] ?? '');
    expect(outputs['path']?.text).toEqual([entry?.copies[0]?.path]);
    expect(outputs['tier']?.text).toEqual(['ssd']);
    expect(outputs['reason']?.text?.[0]).toMatch(/^HIT/);

    const asked = { cwd: installed.dir, stateDir: installed.stateDir, flags: {}, dirs: [], url: `${server.url}/` };
    const findings = await examine(asked);
    expect(findings.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    const said = findings.map(({ check, says }) => `${check}: ${says}`);
    expect(said).toContainEqual(expect.stringMatching(/^comfyui: version \S+ runs/));
    expect(said).toContainEqual(expect.stringMatching(/^shim: loaded by/));
    expect(said).toContainEqual(expect.stringMatching(/^shim: version \S+ in /));
  });

  test('is as it was before, once the shim is taken out', async () => {
    const { installed, client } = await realDaemon({});
    const base = baseOf(installed.dir);
    await installShim(base, { stateDir: installed.stateDir });
    await uninstallShim(base);
    await using server = await startReal(installed.dir);
    expect((await server.run(prompt)).image).toEqual(await expectedImage());
    expect((await client.stats()).misses).toBe(0);
    expect((await client.entries({})).entries).toEqual([]);
  });
});

/** What ComfyUI tells of its models, and what its scanner has on record of them. */
async function lists(server: ComfyuiServer): Promise<unknown> {
  const { body: models } = await server.get('/models/upscale_models');
  for (;;) {
    const { status, body } = await server.get('/api/assets?include_tags=models');
    expect(status).toBe(200);
    const { assets } = body as { assets: { name: string; size: number; tags: string[] }[] };
    // It scans in the background after the start.
    if (assets.length >= names.length) return { models, assets: assets.map(({ name, size, tags }) => ({ name, size, tags })) };
    await sleep(100);
  }
}
