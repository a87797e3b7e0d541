/**
 * How small model files become, and what it costs: autocached's codec against the zstd command and `cp`, on synthetic weights.
 *
 *     node bench/codec.ts [MiB for each type of weight, 256] [rounds, 5]
 *
 * Speeds are MB of the original for each second of processor time (user and system, all threads), with the files in memory where
 * the system has /dev/shm. "restore" writes a new file, "check" only decodes (`zstd -t`). A round runs everything once, one
 * after the other; a speed is the median of the rounds, and "× zstd" the median of the quotients within each round, so that what
 * else the machine does falls on both sides; their range stands behind it. The first round warms up and does not count. Needs bash
 * and the zstd command.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { decodeFile } from '../src/codec/decode.ts';
import { encodeFile } from '../src/codec/encode.ts';
import { makeModel, type WeightType, weightTypes } from './weights.ts';

const mebibytes = Number(process.argv[2] ?? 256);
const rounds = Number(process.argv[3] ?? 5);

/** Processor seconds of one task, by its name. */
type Round = Record<string, number>;

const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'autocached-bench-'));
const at = (name: string) => join(directory, name);
try {
  for (const dtype of weightTypes) await measure(dtype);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function measure(dtype: WeightType): Promise<void> {
  const model = makeModel(dtype, mebibytes * 2 ** 20);
  writeFileSync(at('model'), model);
  const results: Round[] = [];
  for (let round = 0; round <= rounds; round++) {
    const result = await runRound();
    if (round > 0) results.push(result);
  }
  if (!readFileSync(at('restored')).equals(model)) throw new Error(`${dtype} did not come back as it was`);
  show(dtype, model.length, results);
}

async function runRound(): Promise<Round> {
  const restore = (check: 'chunks' | 'whole') => (from: number, to: number) => decodeFile(from, to, { check });
  const checkOnly = (check: 'chunks' | 'whole') => (from: number) => decodeFile(from, null, { check });
  return {
    compress: await ours('model', 'ours.zst', encodeFile),
    compress1: command(`zstd -q -f -1 --single-thread ${at('model')} -o ${at('1.zst')}`),
    compress3: command(`zstd -q -f -3 --single-thread ${at('model')} -o ${at('3.zst')}`),
    restore: await ours('ours.zst', 'restored', restore('chunks')),
    restore3: toNew('restored.3', (to) => command(`zstd -q -d ${at('3.zst')} -o ${to}`)),
    restoreWhole: await ours('ours.zst', 'restored', restore('whole')),
    restore1: toNew('restored.1', (to) => command(`zstd -q -d ${at('1.zst')} -o ${to}`)),
    copy: toNew('copied', (to) => command(`cp ${at('model')} ${to}`)),
    check: await ours('ours.zst', 'nothing', checkOnly('chunks')),
    check3: command(`zstd -q -t ${at('3.zst')}`),
    checkWhole: await ours('ours.zst', 'nothing', checkOnly('whole')),
    check1: command(`zstd -q -t ${at('1.zst')}`),
  };
}

/** Into a new file, as every restore is. */
async function ours(from: string, to: string, work: (source: number, target: number) => Promise<unknown>): Promise<number> {
  rmSync(at(to), { force: true });
  const source = openSync(at(from), 'r');
  const target = openSync(at(to), 'w');
  const before = process.cpuUsage();
  await work(source, target);
  const { user, system } = process.cpuUsage(before);
  closeSync(source);
  closeSync(target);
  return (user + system) / 1e6;
}

function toNew<T>(name: string, work: (path: string) => T): T {
  rmSync(at(name), { force: true });
  return work(at(name));
}

/** The shell's own clock: Node does not tell what a child has used. */
function command(line: string): number {
  const script = `TIMEFORMAT='%U %S'; time ${line}`;
  const output = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`], { encoding: 'utf8' });
  const [user = 0, system = 0] = output.trim().split(' ').map(Number);
  return user + system;
}

function show(dtype: string, size: number, results: Round[]): void {
  const of = (task: string) => results.map((round) => round[task] ?? Number.NaN);
  const speed = (task: string) => Math.round(size / 1e6 / median(of(task)));
  const times = (task: string, other: string) => withRange(of(other).map((seconds, k) => seconds / (of(task)[k] ?? 1)));
  const ratio = (name: string) => (size / statSync(at(name)).size).toFixed(3);
  const line = (file: string, suffix: string) => [
    ratio(file),
    speed(suffix === 'Whole' ? 'compress' : `compress${suffix}`),
    speed(`restore${suffix}`),
    times(`restore${suffix}`, 'restore3'),
    speed(`check${suffix}`),
    times(`check${suffix}`, 'check3'),
  ];
  const head = [dtype, 'ratio', 'compress', 'restore', '× zstd -d', 'check', '× zstd -t'];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(
    ['autocached, CRC-32 checked', ...line('ours.zst', '')],
    ['autocached, and SHA-256', ...line('ours.zst', 'Whole')],
    ['zstd -1', ...line('1.zst', '1')],
    ['zstd -3', ...line('3.zst', '3')],
    ['cp', '1.000', '', speed('copy'), times('copy', 'restore3'), '', ''],
  );
  const smaller = 1 - statSync(at('ours.zst')).size / statSync(at('3.zst')).size;
  console.log(`${table.toString()}\n${(100 * smaller).toFixed(1)} % smaller than zstd -3\n`);
}

function withRange(values: number[]): string {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2));
  return `${middle} (${least} to ${most})`;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
