/**
 * Size of compressed model files, and its cost: autocached's codec against the zstd command and `cp`, on synthetic weights.
 *
 *     node bench/codec.ts [MiB for each type of weight, 256] [rounds, 7]
 *
 * Speeds are MB of the original for each second of processor time (user and system, all threads), with the files in memory where
 * the system has /dev/shm. "check" only decodes (`zstd -t`); "restore" writes as well, over a file of the same size; "new file"
 * makes one. A new file's memory comes from the kernel, and on a virtual machine from its host. Its cost may grow tenfold from one
 * second to the next, so that column shows the machine rather than the programs. A round runs everything once, one after the other;
 * a figure is the fastest of the rounds, because other work of the machine only adds time. "×" is against `zstd -3`. The first
 * round warms up and does not count. Needs bash and the zstd command.
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
const rounds = Number(process.argv[3] ?? 7);

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
  for (const name of ['restored', 'other']) writeFileSync(at(name), new Uint8Array(model.length));
  const results: Round[] = [];
  for (let round = 0; round <= rounds; round++) {
    const result = await runRound();
    if (round > 0) results.push(result);
  }
  for (const name of ['restored', 'new']) {
    if (!readFileSync(at(name)).equals(model)) throw new Error(`${dtype} did not come back as it was`);
  }
  show(dtype, model.length, results);
}

async function runRound(): Promise<Round> {
  const restore = (check: 'chunks' | 'whole') => (from: number, to: number) => decodeFile(from, to, { check });
  const checkOnly = (check: 'chunks' | 'whole') => (from: number) => decodeFile(from, null, { check });
  const fresh = (to: string) => {
    rmSync(at(to), { force: true });
    return to;
  };
  return {
    compress: await ours('model', fresh('ours.zst'), encodeFile),
    compress1: command(`zstd -q -f -1 --single-thread ${at('model')} -o ${at('1.zst')}`),
    compress3: command(`zstd -q -f -3 --single-thread ${at('model')} -o ${at('3.zst')}`),
    restore: await ours('ours.zst', 'restored', restore('chunks')),
    restore3: command(`zstd -q -dc ${at('3.zst')} 1<>${at('other')}`),
    restoreWhole: await ours('ours.zst', 'restored', restore('whole')),
    restore1: command(`zstd -q -dc ${at('1.zst')} 1<>${at('other')}`),
    restoreCopy: command(`cat ${at('model')} 1<>${at('other')}`),
    check: await ours('ours.zst', 'nothing', checkOnly('chunks')),
    check3: command(`zstd -q -t ${at('3.zst')}`),
    checkWhole: await ours('ours.zst', 'nothing', checkOnly('whole')),
    check1: command(`zstd -q -t ${at('1.zst')}`),
    newCopy: command(`cp ${at('model')} ${at(fresh('new.copy'))}`),
    new3: command(`zstd -q -d ${at('3.zst')} -o ${at(fresh('new.copy'))}`),
    new1: command(`zstd -q -d ${at('1.zst')} -o ${at(fresh('new.copy'))}`),
    newWhole: await ours('ours.zst', fresh('new'), restore('whole')),
    new: await ours('ours.zst', fresh('new'), restore('chunks')),
  };
}

async function ours(from: string, to: string, work: (source: number, target: number) => Promise<unknown>): Promise<number> {
  const source = openSync(at(from), 'r');
  const target = openSync(at(to), existsSync(at(to)) ? 'r+' : 'w');
  const before = process.cpuUsage();
  await work(source, target);
  const { user, system } = process.cpuUsage(before);
  closeSync(source);
  closeSync(target);
  return (user + system) / 1e6;
}

/** Uses the shell's own clock: Node does not report a child's processor time. */
function command(line: string): number {
  const script = `TIMEFORMAT='%U %S'; time ${line}`;
  const output = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`], { encoding: 'utf8' });
  const [user = 0, system = 0] = output.trim().split(' ').map(Number);
  return user + system;
}

function show(dtype: string, size: number, results: Round[]): void {
  const least = (task: string) => Math.min(...results.map((round) => round[task] ?? Number.NaN));
  const speed = (task: string) => Math.round(size / 1e6 / least(task));
  const times = (task: string, suffix: string) => (least(`${task}3`) / least(`${task}${suffix}`)).toFixed(2);
  const smaller = (name: string) => (size / statSync(at(name)).size).toFixed(3);
  const reading = (suffix: string) =>
    ['restore', 'new', 'check'].flatMap((task) => [speed(`${task}${suffix}`), times(task, suffix)]);
  const head = [dtype, 'ratio', 'compress', 'restore', '×', 'new file', '×', 'check', '×'];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(
    ['autocached, CRC-32 checked', smaller('ours.zst'), speed('compress'), ...reading('')],
    ['autocached, and SHA-256', smaller('ours.zst'), speed('compress'), ...reading('Whole')],
    ['zstd -1', smaller('1.zst'), speed('compress1'), ...reading('1')],
    ['zstd -3', smaller('3.zst'), speed('compress3'), ...reading('3')],
    ['cp (to restore: cat)', '1.000', '', ...reading('Copy').slice(0, 4), '', ''],
  );
  const saved = 1 - statSync(at('ours.zst')).size / statSync(at('3.zst')).size;
  console.log(`${table.toString()}\n${(100 * saved).toFixed(1)} % smaller than zstd -3\n`);
}
