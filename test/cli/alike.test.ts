import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { EntryView, JobView } from '../../src/api/api.ts';
import { shortenAll, widthOf } from '../../src/cli/text/fit.ts';
import { startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';
import { checkpoint, running, stats } from './samples.ts';

/** Long names that differ in the middle, which is what is cut; also in letters that take two columns. */
const names = [
  'Wan2.1/wan2.1-image-to-video-14B-480p-high-noise-lightx2v-rank64-fp8_e4m3fn_scaled.safetensors',
  'Wan2.1/wan2.1-image-to-video-14B-720p-high-noise-lightx2v-rank64-fp8_e4m3fn_scaled.safetensors',
  '国风/国风水墨山水画风格模型第一版高清细节增强版本.safetensors',
  '国风/国风水墨山水画风格模型第二版高清细节增强版本.safetensors',
];
const entries: EntryView[] = names.map((name, index) => ({
  ...checkpoint,
  id: 10_000 + index,
  name,
  category: 'diffusion_models',
  path: `/mnt/nas/models/diffusion_models/${name}`,
  uses: 1,
}));
const models = names.map((name, index) => ({
  node: `${100 + index}`,
  classType: 'UNETLoader',
  input: 'unet_name',
  category: 'diffusion_models',
  name,
  how: 'core',
  path: `/mnt/${name}`,
  tier: 'nas',
  reason: 'STALE',
  word: 'changed',
  why: 'the source has changed since it was copied; its copy is no longer used',
  size: 10 * 2 ** 30,
  ready: false,
  pinned: false,
}));
const jobs: JobView[] = names.map((name, index) => ({
  ...running,
  id: 10_000 + index,
  path: `/mnt/${name}`,
  category: 'diffusion_models',
}));

const pages: [string, string[], Record<string, unknown>][] = [
  ['list', ['list'], { 'GET /api/cache/entries': { total: 4, entries } }],
  ['jobs', ['jobs'], { 'GET /api/jobs': { jobs } }],
  [
    'status',
    ['status'],
    { 'GET /api/cache/stats': stats, 'GET /api/jobs': { jobs }, 'GET /api/cache/entries': { total: 4, entries } },
  ],
  ['analyze', ['analyze', 'flow.json'], { 'POST /api/workflows/analyze': { kind: 'prompt', models, skipped: [] } }],
];

const workflowDir = mkdtempSync(join(tmpdir(), 'autocached-alike-'));
afterAll(() => rmSync(workflowDir, { recursive: true }));
writeFileSync(join(workflowDir, 'flow.json'), JSON.stringify({ '1': { class_type: 'X', inputs: {} } }));

describe('at 80 columns', () => {
  test.each(pages)('%s fits', async (_what, args, answers) => {
    const { out } = await page(args, answers);
    expect(Math.max(...out.split('\n').map(widthOf))).toBeLessThanOrEqual(80);
  });

  test.each(pages)('%s shows no two models alike', async (_what, args, answers) => {
    const { out } = await page(args, answers);
    for (const section of out.split('\n\n')) {
      const shortened = section.split('\n').filter((line) => line.includes('…'));
      const names = shortened.map((line) => line.replace(/^[\s#]*\d+/, ''));
      expect(new Set(names).size).toBe(names.length);
    }
    expect(out.length).toBeGreaterThan(4 * 80);
  });

  test.each(pages.filter(([what]) => what === 'list' || what === 'jobs'))('%s keeps the ids', async (_what, args, answers) => {
    const { out } = await page(args, answers);
    for (const { id } of entries) expect(out).toContain(`${id}`);
  });

  test('analyze keeps the nodes', async () => {
    const [, args, answers] = pages[3] ?? ['', [], {}];
    const { out } = await page(args, answers);
    for (const { node } of models) expect(out).toMatch(new RegExp(`^${node} `, 'm'));
  });
});

test('names that would look alike are written out, others are shortened', () => {
  const [one = '', two = '', three = '', four = ''] = names;
  const shown = shortenAll([one, two, three, four, `${'x'.repeat(60)}.safetensors`], 24);
  expect(new Set(shown).size).toBe(5);
  expect(shown.slice(0, 4).map((text) => text.replaceAll('\n', ''))).toEqual(names);
  expect(shown[4]).toContain('…');
  for (const line of shown.flatMap((text) => text.split('\n'))) expect(widthOf(line)).toBeLessThanOrEqual(24);
});

async function page(args: string[], answers: Record<string, unknown>) {
  const routes = Object.fromEntries(Object.entries(answers).map(([key, answer]) => [key, () => answer]));
  await using daemon = await startFakeDaemon(routes);
  return await runCli(args, { stateDir: daemon.stateDir, columns: 80, cwd: workflowDir });
}
