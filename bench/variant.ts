/**
 * Cost of making a variant: processor time and memory, beside torch's own conversion of the same file in the same run.
 *
 *     npm run bench -- variant [MiB of the model, 1024] [rounds, 3]
 *
 * The model has Wan's names and bf16 weights. Speeds are GB (10^9 bytes) of it for each second of processor time, user and system, of
 * the whole process; a figure is the best of the rounds, because other work of the machine only adds time. "known" is a model whose
 * SHA-256 the catalog has from its copy; else it is computed on the way. Torch is asked where COMFYUI_PYTHON names a Python that has
 * it with comfy-kitchen: it converts the layers only, writes nothing, and runs on one thread.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import type { VariantForm } from '../src/core/types.ts';
import { deriveVariant } from '../src/transfer/derive-variant.ts';
import type { DeriveOrder } from '../src/transfer/messages.ts';
import { mostMemoryOf } from './figures.ts';
import { unfollowed } from './unfollowed.ts';
import { makeTensor } from './weights.ts';

const mebibytes = Number(process.argv[2] ?? 1024);
const rounds = Number(process.argv[3] ?? 3);
const side = 2048;

const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'autocached-bench-'));
const model = join(directory, 'wan.safetensors');
const variant = join(directory, 'variant.safetensors');
try {
  writeModel();
  const size = statSync(model).size;
  const table = new Table({ head: ['', 'GB per CPU-second', 'SHA-256 known', 'of the size'] });
  for (const to of ['fp8', 'int8', 'auto8'] as const) {
    const [fresh, known] = [await best(to, null), await best(to, createHash('sha256').update('any').digest('hex'))];
    table.push([to, speed(size, fresh.seconds), speed(size, known.seconds), `${((100 * fresh.bytes) / size).toFixed(1)} %`]);
  }
  for (const [name, seconds] of torch()) table.push([`torch, ${name}`, speed(size, seconds), '', '']);
  console.log(table.toString());
  console.log(`${mebibytes} MiB of bf16; most memory of this process: ${mostMemoryOf(process.pid).toFixed(0)} MiB`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** Layers of 8 MiB, 4 different ones, under Wan's names. */
function writeModel(): void {
  const layers = Math.max(1, Math.round(mebibytes / 8));
  const different = Array.from({ length: Math.min(4, layers) }, (_, k) => makeTensor('BF16', side * side, k + 1).bytes);
  const small = (name: string, shape: number[]) => ({
    name,
    shape,
    bytes: new Uint8Array(2 * shape.reduce((a, b) => a * b, 1)),
  });
  const parts = ['self_attn.q', 'self_attn.k', 'self_attn.v', 'self_attn.o', 'ffn.0', 'ffn.2'];
  const tensors = [
    small('patch_embedding.weight', [16, 16, 1, 2, 2]),
    small('head.modulation', [1, 2, 16]),
    ...Array.from({ length: layers }, (_, k) => ({
      name: `blocks.${Math.floor(k / parts.length)}.${parts[k % parts.length]}.weight`,
      shape: [side, side],
      bytes: different[k % different.length] ?? new Uint8Array(),
    })),
  ];
  let at = 0;
  const header = Object.fromEntries(
    tensors.map(({ name, shape, bytes }) => {
      at += bytes.length;
      return [name, { dtype: 'BF16', shape, data_offsets: [at - bytes.length, at] }];
    }),
  );
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const fd = openSync(model, 'w');
  for (const bytes of [length, json, ...tensors.map((one) => one.bytes)]) writeSync(fd, bytes);
  closeSync(fd);
}

async function best(to: VariantForm, sha256: string | null): Promise<{ seconds: number; bytes: number }> {
  const results: { seconds: number; bytes: number }[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = process.cpuUsage();
    const { bytes } = await deriveVariant(orderFor(to, sha256), unfollowed);
    const { user, system } = process.cpuUsage(before);
    // The first round warms up.
    if (round > 0) results.push({ seconds: (user + system) / 1e6, bytes });
  }
  return results.toSorted((a, b) => a.seconds - b.seconds)[0] ?? { seconds: Number.NaN, bytes: 0 };
}

function orderFor(to: VariantForm, sha256: string | null): DeriveOrder {
  const { size, mtimeNs } = statSync(model, { bigint: true });
  const fingerprint = { size: Number(size), mtimeNs: String(mtimeNs), ino: null };
  return {
    kind: 'derive',
    id: 1,
    source: { path: model, root: directory, rel: 'wan.safetensors', category: null, fingerprint },
    temp: join(directory, 'temp.part'),
    path: variant,
    origin: { path: model, seal: null },
    sha256,
    recipe: { to, fastMatmul: false, dropUnused: false },
    // The mtime of the previous round's file.
    replaces: statSync(variant, { bigint: true, throwIfNoEntry: false })?.mtimeNs.toString() ?? null,
    into: Number.MAX_SAFE_INTEGER,
  };
}

/** Processor seconds of comfy-kitchen's conversion in single precision, as this program's; none without torch. */
function torch(): [string, number][] {
  const python = process.env['COMFYUI_PYTHON'];
  if (python === undefined) return [];
  const program = `
import json, sys, time
import torch
from safetensors import safe_open
from comfy_kitchen.backends.eager.quantization import quantize_int8_rowwise, quantize_per_tensor_fp8
torch.set_num_threads(1)
found = {}
for name in ("fp8", "int8"):
    times = []
    for _ in range(int(sys.argv[2])):
        with safe_open(sys.argv[1], "pt") as file:
            begin = time.process_time()
            for key in file.keys():
                if not key.startswith("blocks."):
                    continue
                weight = file.get_tensor(key).float()
                if name == "fp8":
                    quantize_per_tensor_fp8(weight, torch.amax(weight.abs()) / 448)
                else:
                    quantize_int8_rowwise(weight)
            times.append(time.process_time() - begin)
    found[name] = min(times)
print(json.dumps(found))
`;
  const { stdout, stderr, status } = spawnSync(python, ['-c', program, model, String(rounds)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return Object.entries(JSON.parse(stdout) as Record<string, number>);
}

function speed(size: number, seconds: number): string {
  return (size / 1e9 / seconds).toFixed(2);
}
