/**
 * Size of compressed models that have much in common, beside each of them compressed alone.
 *
 *     npm run bench -- sharing
 *
 * Libraries from `fine-tunes.ts`: an SDXL checkpoint with fine-tunes whose text encoders and VAE are its own, one fine-tune that
 * changes every weight by 1 %, the same numbers in two types, LoRAs. Bytes of all files of a library, without its bases counted
 * twice; every file is restored and compared. "last" is the last file alone: the cost of one more such file.
 * It takes two minutes of processor time.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { BaseFile } from '../src/codec/base-file.ts';
import { chooseBases } from '../src/codec/choose-bases.ts';
import { decodeFile } from '../src/codec/decode.ts';
import { encodeFile } from '../src/codec/encode.ts';
import { checkpoints, loras, type SampleModel, twins } from './fine-tunes.ts';
import { withFiles } from './with-files.ts';

const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'autocached-bench-sharing-'));
mkdirSync(join(directory, 'files'));
const at = (name: string) => join(directory, 'files', name);

const libraries: [string, () => SampleModel[]][] = [
  ['SDXL, fp16: 4 fine-tunes at 1, 3, 5, 10 %', () => checkpoints('F16', [0.01, 0.03, 0.05, 0.1])],
  ['SDXL, bf16: 4 fine-tunes at 1, 3, 5, 10 %', () => checkpoints('BF16', [0.01, 0.03, 0.05, 0.1])],
  ['1 % of everything, bf16', () => checkpoints('BF16', [0.01], { trains: true })],
  ['1 %, text encoder and VAE kept, fp16', () => checkpoints('F16', [0.01])],
  ['1 % of everything, fp32', () => checkpoints('F32', [0.01], { trains: true })],
  ['fp32, and fp16 of the same', () => twins('F32', 'F16')],
  ['fp32, and bf16 of the same', () => twins('F32', 'BF16')],
  ['fp16, and fp32 of the same', () => twins('F16', 'F32')],
  ['bf16, and fp32 of the same', () => twins('BF16', 'F32')],
  ['bf16, and fp16 of the same', () => twins('BF16', 'F16')],
  ['4 LoRAs', () => loras(4)],
];
try {
  const head = ['library', 'MB', 'alone', 'shared', '× smaller', 'last: alone', 'shared', '× smaller'];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const [name, make] of libraries) {
    const models = make();
    const alone = await compress(models, false);
    const shared = await compress(models, true);
    const sum = (sizes: number[]) => sizes.reduce((total, size) => total + size, 0);
    const [lastAlone = 0, lastShared = 0] = [alone.at(-1), shared.at(-1)];
    const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
    const raw = sum(models.map(({ bytes }) => bytes.length));
    const all = [mb(raw), mb(sum(alone)), mb(sum(shared)), (sum(alone) / sum(shared)).toFixed(2)];
    table.push([name, ...all, mb(lastAlone), mb(lastShared), (lastAlone / lastShared).toFixed(2)]);
  }
  console.log(table.toString());
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** @returns bytes of each compressed file */
async function compress(models: SampleModel[], sharing: boolean): Promise<number[]> {
  const done: string[] = [];
  const sizes: number[] = [];
  for (const { name, bytes } of models) {
    const [original, path, back] = [join(directory, name), at(`${name}.zst`), join(directory, 'restored')];
    writeFileSync(original, bytes);
    const bases = sharing ? done.map((base) => new BaseFile(at(base), `files/${base}`)) : [];
    await withFiles(original, path, async (from, to) => {
      const trial = await chooseBases(from, bytes.length, bases);
      await encodeFile(from, to, { bases: trial.bases });
    });
    for (const base of bases) base[Symbol.dispose]();
    await withFiles(path, back, (from, to) => decodeFile(from, to, { path }));
    if (!readFileSync(back).equals(bytes)) throw new Error(`${name} did not come back as it was`);
    done.push(`${name}.zst`);
    sizes.push(statSync(path).size);
  }
  return sizes;
}
