import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { changed } from '../../../bench/fine-tunes.ts';
import { encoders, makeSafetensors, makeTensor } from '../../../bench/weights.ts';
import { duplicatesPage } from '../../../src/cli/text/duplicates-page.ts';
import { surveyFiles } from '../../../src/codec/survey.ts';
import { runDaemon } from '../../helpers/daemon.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { runCli } from '../run-cli.ts';

const encoder = { ...makeTensor('BF16', 300_000, 1), name: 'cond.weight' };
const unet = { ...makeTensor('BF16', 600_000, 2), name: 'model.weight' };
const library = {
  'base.safetensors': makeSafetensors([encoder, unet]),
  'tuned.safetensors': makeSafetensors([encoder, changed(unet, 0.01, 1)]),
  'other.safetensors': makeSafetensors([{ ...makeTensor('BF16', 600_000, 3), name: 'model.weight' }]),
};

function write(dir: string): string[] {
  return Object.entries(library).map(([name, bytes]) => {
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    return path;
  });
}

const plain = { paint: (_: string, text: string) => text, width: 80 };

test('equal tensors and a fine-tune are found, and a stranger of the same shape is not taken for one', async () => {
  const paths = write(tempDir());
  let read = 0;
  const turn = async (bytes: number) => {
    read += bytes;
  };
  const survey = await surveyFiles(paths, { mostBytes: 1e9, turn });
  expect(survey).toMatchObject({ files: 3, tensors: 5, equalBytes: 600_000, unread: 0 });
  expect(survey.deltas.map(({ path, base }) => [path, base])).toEqual([[paths[1], paths[0]]]);
  const [delta] = survey.deltas;
  expect((delta?.alone ?? 0) / (delta?.delta ?? 1)).toBeGreaterThan(2.2);
  expect(read).toBeGreaterThan(1_200_000);
});

test('a model in another type is found, and what is left of it beside its twin', async () => {
  const dir = tempDir();
  const wide = { ...makeTensor('F32', 500_000, 1), name: 'model.weight' };
  const half = { ...wide, dtype: 'F16', bytes: encoders.F16(new Float32Array(new Uint8Array(wide.bytes).buffer)) };
  const paths = [half, wide].map(({ dtype, ...tensor }) => {
    const path = join(dir, `${dtype}.safetensors`);
    writeFileSync(path, makeSafetensors([{ dtype, ...tensor }]));
    return path;
  });
  const options = { mostBytes: 1e9, turn: async () => {} };
  for (const [models, gain] of [
    [paths, 1.9],
    [paths.toReversed(), 500],
  ] as const) {
    const { equalBytes, deltas } = await surveyFiles(models, options);
    expect([equalBytes, deltas.map(({ path, base }) => [path, base])]).toEqual([0, [[models[1], models[0]]]]);
    expect((deltas[0]?.alone ?? 0) / (deltas[0]?.delta ?? 1)).toBeGreaterThan(gain);
  }
});

test('what is not read in full is told as such', async () => {
  const survey = await surveyFiles(write(tempDir()), { mostBytes: 0, turn: async () => {} });
  expect(survey).toMatchObject({ equalBytes: 600_000, unread: 1_200_000 });
  const page = duplicatesPage(survey, plain as never);
  expect(page.replaceAll('\n', ' ')).toContain('only samples were compared');
  for (const line of page.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('doctor --duplicates prints what sharing would save among the cached models', async () => {
  const daemon = await runDaemon({});
  const paths = write(join(daemon.root, 'checkpoints'));
  await daemon.client.warm({ paths, wait: true });
  const run = (...more: string[]) =>
    runCli(['doctor', '--duplicates', ...more], { stateDir: daemon.stateDir, cwd: daemon.dir });
  const { code, out } = await run();
  expect(out).toMatch(/^3 cached safetensors files, /);
  expect(out).toContain('Equal tensors: ');
  expect(out).toMatch(/tuned\.safetensors from base\.safetensors +[\d.]+ .+\(2\.\dx\)/);
  expect(out).toContain('AUTOCACHE_COMPRESS=cold uses both');
  expect(code).toBe(0);
  expect(JSON.parse((await run('--json')).out)).toMatchObject({ files: 3, equalBytes: 600_000 });
});
