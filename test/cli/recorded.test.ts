import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { parseTrace } from '../../src/replay/trace.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { runCli } from './run-cli.ts';

const GiB = 1024 ** 3;
const hour = 3600 * 1000;

/** A daemon that has recorded ten days of four models in turns, of 6 GiB each, from a disk at 100 MB/s. */
async function daemonWithLoads() {
  const dir = tempDir();
  const stateDir = join(dir, 'state');
  mkdirSync(stateDir, { mode: 0o700 });
  const now = Date.now();
  const catalog = new Catalog(join(stateDir, 'catalog.db'), systemClock);
  for (let k = 0; k < 60; k++) {
    catalog.loads.queued(`prompt-${k}`, now - (60 - k) * 4 * hour - 1000);
    catalog.loads.note({
      at: now - (60 - k) * 4 * hour,
      path: `/home/anna/models/anna-secret-${k % 4}.safetensors`,
      category: k % 2 ? 'checkpoints' : 'annas',
      size: 6 * GiB,
      medium: 'hdd',
      sourceSpeed: 100e6,
      tier: null,
      reason: 'QUEUED',
      seconds: 64,
      prompt: `prompt-${k}`,
      nodeClass: 'AnnasLoader',
    });
  }
  catalog[Symbol.dispose]();
  await runDaemon({}, { AUTOCACHE_LIMIT: '13GiB' }, dir);
  return stateDir;
}

test('the recorded loads are written as a trace without a name of a person, and simulate reads it', async () => {
  const stateDir = await daemonWithLoads();
  const cwd = tempDir();
  const { code, out } = await runCli(['trace', 'export', 'mine.csv.gz'], { stateDir, cwd });
  expect([code, out]).toEqual([0, `60 loads in ${join(cwd, 'mine.csv.gz')}\n`]);
  const text = gunzipSync(readFileSync(join(cwd, 'mine.csv.gz'))).toString();
  expect(text).not.toMatch(/anna/i);
  expect(text.split('\n')[1]).toMatch(/^\d+\.\d\d,\d+\.\d\d,0,1,f1,other,6442450944,hdd,100000000,0,0,$/);
  const { hosts, runs, footprint } = parseTrace('mine', text);
  expect([hosts[0]?.length, runs?.[0]?.length, footprint]).toEqual([60, 60, 24 * GiB]);
  const first = runs?.[0]?.[0];
  expect((first?.started ?? 0) - (first?.submitted ?? 0)).toBeCloseTo(1, 1);
  const simulated = await runCli(['simulate', 'mine.csv.gz', '--sizes', '100%', '--policies', 'lru', '--json'], { cwd });
  expect(JSON.parse(simulated.out)).toMatchObject([{ outcome: { reads: 60, hits: 56 } }]);
});

test('a user is told which limit and which policy would have saved most of the last month, with a plot of 80 columns', async () => {
  const stateDir = await daemonWithLoads();
  const { code, out } = await runCli(['simulate', '--from-catalog'], { stateDir });
  expect(code).toBe(0);
  expect(out).toMatch(/^60 loads in the last 30 days\. With 13 GiB and heat, misses take .* of waiting/);
  expect(out).toMatch(/^With \d+(\.\d+)? GiB more you would have saved \d+m.* last month\.$/m);
  expect(out).toMatch(/^ +o 13 GiB, the limit now$/m);
  const plot = out.slice(out.indexOf('waiting, by'), out.indexOf('the limit now'));
  expect(plot.match(/[o*]/g)?.length).toBeGreaterThan(4);
  for (const line of out.split('\n')) expect(line.length).toBeLessThan(140);
  for (const line of plot.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('and programs get the same figures', async () => {
  const stateDir = await daemonWithLoads();
  const { out } = await runCli(['simulate', '--from-catalog', '--policies', 'heat,lru', '--json'], { stateDir });
  const { misses, results, best, more } = JSON.parse(out);
  expect(misses).toMatchObject({ loads: 60, footprint: 24 * GiB, limit: 13 * GiB, policy: 'heat', sampled: 1 });
  const seconds = misses.points.map((point: { seconds: number }) => point.seconds);
  expect(seconds.at(-1)).toBe(Math.min(...seconds));
  expect(seconds[0]).toBe(Math.max(...seconds));
  // Four loads are the first ones: nothing would have saved them.
  expect(misses.points.at(-1)).toMatchObject({ bytes: 24 * GiB, misses: 4 });
  const ofHeat = results.find(
    (one: { policy: string; capacity: number }) => one.policy === 'heat' && one.capacity === 13 * GiB,
  );
  const now = misses.points.find(({ bytes }: { bytes: number }) => bytes === 13 * GiB);
  expect(ofHeat.missSeconds).toBeCloseTo(now.seconds, 6);
  expect(best.policy).toBe('heat');
  expect(more.seconds).toBeGreaterThan(300);
});

test('a daemon that has recorded nothing says so', async () => {
  const { stateDir } = await runDaemon({});
  const { code, out } = await runCli(['simulate', '--from-catalog'], { stateDir });
  expect([code, out]).toEqual([0, 'No loads are recorded of the last 30 days. Load some models, and ask again.\n']);
});

test('without a trace and without --from-catalog the command says what it needs', async () => {
  const { code, err } = await runCli(['simulate'], {});
  expect(code).not.toBe(0);
  expect(err).toMatch(/trace/);
});
