import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { tempDir } from '../helpers/temp-dir.ts';
import { runCli } from './run-cli.ts';

/** Three files in use, and a library that is read through between. */
function reads(): string {
  const used = Array.from({ length: 5 }, () => ['a', 'b', 'c']).flat();
  const all = [...used, ...Array.from({ length: 20 }, (_, k) => `other${k}`), 'a', 'b', 'c'];
  return ['ts,file,size,tier', ...all.map((name, k) => `${k * 1200},${name},1000000,hdd`)].join('\n');
}

function folder(): string {
  const dir = tempDir();
  writeFileSync(join(dir, 'plain.csv'), reads());
  writeFileSync(join(dir, 'packed.csv.gz'), gzipSync(reads()));
  return dir;
}

test('needs no daemon, and tells what each policy and size would have made of the reads', async () => {
  const { code, out } = await runCli(['simulate', 'plain.csv', '--sizes', '3MB,100%'], { cwd: folder() });
  expect(code).toBe(0);
  const lines = out.split('\n');
  expect(lines[0]).toMatch(/CACHE +POLICY +BYTES +TIME +WRITTEN$/);
  expect(lines.filter((line) => line.startsWith('2.86 MiB')).map((line) => line.split(/ {2,}/).slice(1, 3))).toEqual([
    ['heat', '39.5 %'],
    ['lru', '31.6 %'],
    ['lfu', '36.8 %'],
    ['adaptive', '31.6 %'],
    ['foresight', '39.5 %'],
  ]);
  expect(lines.filter((line) => line.startsWith('100 %')).every((line) => line.includes('39.5 %'))).toBe(true);
});

test('compressed traces are read too; with --cold, every figure comes twice', async () => {
  const args = ['simulate', 'plain.csv', 'packed.csv.gz', '--sizes', '20%', '--policies', 'lru', '--cold', '--json'];
  const { code, out } = await runCli(args, { cwd: folder() });
  expect(code).toBe(0);
  const results = JSON.parse(out) as { trace: string; cold: boolean; outcome: { hits: number } }[];
  expect(results.map(({ trace, cold }) => [trace, cold])).toEqual([
    ['plain', false],
    ['plain', true],
    ['packed', false],
    ['packed', true],
  ]);
  expect(results[0]?.outcome).toEqual(results[2]?.outcome);
  const page = await runCli(args.slice(0, -1), { cwd: folder() });
  expect(page.out).toContain('COLD: BYTES');
  expect(page.out).toContain('Means over 2 traces');
});

test('with a bounds.json beside the traces, figures are also a share of what can be saved; catalogs are no traces', async () => {
  const cwd = folder();
  writeFileSync(join(cwd, 'plain.catalog.csv'), 'file,kind,size\na,lora,1000000');
  const bounds = [
    { share: 0.1, capacityBytesPerNode: 3_000_000, upperSeconds: 0.1 },
    { share: 0.4, capacityBytesPerNode: 30_000_000, upperSeconds: 0.2 },
  ];
  writeFileSync(join(cwd, 'bounds.json'), JSON.stringify([{ trace: 'plain', bounds }]));
  const args = ['simulate', 'plain.csv', 'plain.catalog.csv', '--policies', 'heat,lru'];
  const { out } = await runCli([...args, '--json'], { cwd });
  const results = JSON.parse(out) as {
    size: { share: number };
    capacity: number;
    ofBound?: number;
    outcome: { secondsSaved: number };
  }[];
  expect(results.map(({ size, capacity }) => [size.share, capacity])).toEqual([
    [0.1, 3_000_000],
    [0.1, 3_000_000],
    [0.2, 4_600_000],
    [0.2, 4_600_000],
    [0.4, 30_000_000],
    [0.4, 30_000_000],
  ]);
  const [first, , unbounded] = results;
  expect(first?.ofBound).toBeCloseTo((first?.outcome.secondsSaved ?? 0) / 0.1, 12);
  expect(unbounded).not.toHaveProperty('ofBound');
  const page = (await runCli(args, { cwd })).out.split('\n');
  expect(page[0]).toMatch(/WRITTEN +BOUND +P10 +WORST$/);
  expect(page.filter((line) => line.startsWith('all')).map((line) => line.split(/ +/)[1])).toEqual(['heat', 'lru']);
  writeFileSync(join(cwd, 'bounds.json'), '{"no": "bounds"}');
  expect(await runCli(args, { cwd })).toMatchObject({ code: 2, err: expect.stringContaining('bounds.json holds no bounds') });
});

test.each([
  [['simulate', 'nothing.csv'], /nothing\.csv cannot be read/],
  [['simulate', 'plain.csv', '--policies', 'guess'], /"guess" is none of heat, lru, lfu/],
  [['simulate', 'plain.csv', '--sizes', 'much'], /expected a size/],
  [['simulate', 'plain.csv', '--cold', 'jpeg'], /Allowed choices are bf16/],
])('%j is wrong use', async (args, message) => {
  const { code, err } = await runCli(args, { cwd: folder() });
  expect(code).toBe(2);
  expect(err).toMatch(message);
});

test('--ahead tells what copies before the load save, by each way of foreseeing it; new files are in the catalog beside the trace', async () => {
  const cwd = tempDir();
  const lines = [
    'ts,submit_ts,run,file,size,tier',
    '0,0,1,a,1000000000,hdd',
    '100,60,2,b,1000000000,hdd',
    '900,900,3,c,1000000000,hdd',
  ];
  writeFileSync(join(cwd, 'mine.csv'), lines.join('\n'));
  writeFileSync(join(cwd, 'mine.catalog.csv'), 'file,kind,size,tier,birth\na,vae,1000000000,hdd,0\nc,vae,1000000000,hdd,300');
  const args = ['simulate', 'mine.csv', '--sizes', '100%', '--ahead'];
  const { code, out } = await runCli(args, { cwd });
  expect(code).toBe(0);
  const rows = out.split('\n').map((line) => line.split(/ {2,}/));
  expect(rows.slice(0, 5)).toEqual([
    ['AHEAD BY', 'POLICY', 'REMOVED', 'RIGHT', 'WASTED', 'WRITTEN'],
    ['prompts in the queue', 'heat', '33.3 %', '1.00', '0.000', '1.00'],
    ['new files of the library', 'heat', '33.3 %', '1.00', '0.000', '1.00'],
    ['the workflow likely next', 'heat', '0.0 %', '0.000', '1.00'],
    ['all of these', 'heat', '66.7 %', '1.00', '0.000', '1.00'],
  ]);
  expect(JSON.parse((await runCli([...args, '--json'], { cwd })).out)).toHaveLength(4);
  expect(await runCli([...args, '--cold'], { cwd })).toMatchObject({ code: 2 });
});

test('a trace without a read of a file is refused', async () => {
  const cwd = folder();
  for (const [name, lines] of Object.entries({ 'title.csv': '', 'memory.csv': '\n1,a,1000,1', 'empty-files.csv': '\n1,a,0,0' }))
    writeFileSync(join(cwd, name), `ts,file,size,ram_hit${lines}`);
  for (const name of ['title.csv', 'memory.csv', 'empty-files.csv']) {
    const { code, err } = await runCli(['simulate', 'plain.csv', name], { cwd });
    expect([code, err]).toEqual([2, expect.stringContaining(`${name} has no reads of files`)]);
  }
});
