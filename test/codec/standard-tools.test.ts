import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeSafetensors, makeTensor } from '../../bench/weights.ts';
import { encodeFile } from '../../src/codec/encode.ts';
import { restoreScript } from '../../src/codec/restore-script.ts';
import { type TestFile, testFile } from './files.ts';

const has = (command: string) => spawnSync(command, ['--version']).status === 0;
const zstd = has('zstd');
const python = ['python3', 'python'].find(has);

const wild = new Uint8Array(new Float32Array(50_000).map((_, k) => 1e-30 * k ** 9).buffer);
const original = makeSafetensors([
  makeTensor('F32', 600_000, 1),
  { name: 'wild', dtype: 'F32', bytes: wild },
  makeTensor('BF16', 1_200_000, 2),
  makeTensor('F16', 50_000, 3),
  makeTensor('F8_E4M3', 100_000, 4),
  makeTensor('F8_E4M3', 100_001, 5),
]);
let compressed: TestFile;

beforeAll(async () => {
  compressed = testFile();
  await encodeFile(testFile(original).fd, compressed.fd);
});

describe.skipIf(!zstd)('with the zstd command', () => {
  test('the file passes its test, and is listed with its checksums', () => {
    expect(spawnSync('zstd', ['-t', compressed.path]).status).toBe(0);
    const listed = spawnSync('zstd', ['-lv', compressed.path], { encoding: 'utf8' });
    expect(listed.status).toBe(0);
    expect(listed.stdout).toMatch(/Skippable Frames: 2/);
    expect(listed.stdout).toMatch(/Check: XXH64/);
  });

  test('damage is found by its test', () => {
    const bytes = compressed.bytes();
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
    expect(spawnSync('zstd', ['-t', testFile(bytes).path]).status).not.toBe(0);
  });

  test.skipIf(!python)('Python restores the original without us, and notices damage', () => {
    const script = testFile(Buffer.from(restoreScript));
    const target = testFile();
    const run = (file: TestFile) => spawnSync(python ?? '', [script.path, file.path, target.path], { encoding: 'utf8' });
    expect(run(compressed)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(target.path).equals(original)).toBe(true);
    const bytes = compressed.bytes();
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    expect(run(testFile(bytes)).status).not.toBe(0);
  });

  test.skipIf(!python)('the script says how it is called', () => {
    const { path } = testFile(Buffer.from(restoreScript));
    for (const args of [[], ['--help']]) {
      const { stderr } = spawnSync(python ?? '', [path, ...args], { encoding: 'utf8' });
      expect(stderr).toMatch(/^Restores a model file .*python3 restore\.py COMPRESSED RESTORED/);
    }
  });
});
