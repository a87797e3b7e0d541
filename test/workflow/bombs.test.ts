import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readWorkflow } from '../../src/cli/workflow-file.ts';
import { readExtraPaths } from '../../src/comfyui/extra-paths.ts';
import { readEnv } from '../../src/config/env.ts';
import { readSmallFileSync } from '../../src/runtime/small-file.ts';
import { readText } from '../../src/sources/read-text.ts';
import { analyze } from '../../src/workflow/analyze.ts';
import { namedInText } from '../../src/workflow/named-in-text.ts';
import { readDocument } from '../../src/workflow/read-document.ts';
import { cpuTimeOf } from '../helpers/cpu-time.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** No machine computes so long for what is bounded; without bounds each took minutes or never ended. */
const soonMs = 5_000;

function soon(work: () => unknown): void {
  const tookMs = cpuTimeOf(() => {
    try {
      work();
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/BAD_CONFIG|BAD_REQUEST/) });
    }
  });
  expect(tookMs).toBeLessThan(soonMs);
}

const loads = (text: unknown) => ({ prompt: { 1: { class_type: 'CLIPTextEncode', inputs: { text } } } });

test.each<[string, unknown]>([
  ['thousands of texts that name models', loads(Array(19_000).fill('embedding:a <lora:b:1> '.repeat(27)))],
  ['a text within it that holds hundreds of thousands of others', { prompt: JSON.stringify(loads(Array(300_000).fill('a'))) }],
  ['a text within it of brackets without end', { prompt: '['.repeat(2 ** 20) }],
])('a document of %s is refused before it costs a second', (_what, document) => {
  const tookMs = cpuTimeOf(() => expect(() => analyze(document)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' })));
  expect(tookMs).toBeLessThan(1000);
});

describe('a paths file that makes ever more of itself', () => {
  const laughs = Array.from({ length: 30 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(', ')}]`);
  test.each<[string, string]>([
    ['aliases of aliases', `a0: &a0 [x, x]\n${laughs.join('\n')}\ncomfyui:\n  loras: *a30\n`],
    ['a list that holds itself', 'comfyui:\n  loras: &a [b, *a]\n'],
    ['a section that merges itself', 'comfyui: &a\n  <<: *a\n  loras: x\n'],
    [
      'merges of merges',
      `a0: &a0 {k: v}\n${laughs.map((line) => line.replace(/: &(\w+) \[(.*)\]/, ': &$1 {<<: [$2]}')).join('\n')}`,
    ],
    ['brackets without end', `comfyui: ${'['.repeat(200_000)}`],
    ['braces without end', `comfyui: ${'{a: '.repeat(50_000)}`],
    ['anchors in a row', Array.from({ length: 10_000 }, (_, at) => `k${at}: &k${at} v`).join('\n')],
    ['aliases in a row', `x: &x v\ncomfyui:\n  loras:\n${'    - *x\n'.repeat(20_000)}`],
    ['a key that is a list', '? [a, b]\n: loras\n'],
    ['blanks before a comment', `comfyui:\n  loras: |\n    ${' '.repeat(100_000)}a\n`],
    ['variables that do not end', `comfyui:\n  loras: "${'${'.repeat(50_000)}"\n`],
  ])('%s', (_what, text) => {
    soon(() => readExtraPaths(text, '/c/extra_model_paths.yaml', { home: '/h', environment: {}, platform: 'linux' }));
  });

  test('in lists within lists is refused in words for people', () => {
    const variables = { home: '/h', environment: {}, platform: 'linux' } as const;
    expect(() => readExtraPaths(`${'- '.repeat(20_000)}x`, '/c/extra_model_paths.yaml', variables)).toThrow(
      'nested too deeply',
    );
  });
});

/** A chunk of a PNG; nobody looks at its checksum. */
function chunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, data, Buffer.alloc(4)]);
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const bomb = deflateSync(Buffer.alloc(16 * 1024 * 1024 - 1, ' '));

describe('an image whose texts are small as they lie', () => {
  test.each(['prompt', 'workflow', 'other'])('a PNG with 300 of %s', (keyword) => {
    const text = chunk('zTXt', Buffer.concat([Buffer.from(`${keyword}\0\0`), bomb.subarray(0, -8)]));
    soon(() => readDocument(Buffer.concat([signature, ...Array(300).fill(text)])));
  });

  test('a PNG with 300 long ones in another form', () => {
    const text = chunk('iTXt', Buffer.concat([Buffer.from('prompt\0\x01\0\0\0'), bomb.subarray(0, -8)]));
    soon(() => readDocument(Buffer.concat([signature, ...Array(300).fill(text)])));
  });

  test.each(['prompt:', 'x'])('a WebP with 65,535 tags that lie over each other (%s)', (begins) => {
    const entries = 65_535;
    const text = Buffer.alloc(8 * 1024 * 1024, 0);
    text.write(begins);
    const at = 10 + entries * 12;
    const directory = Buffer.alloc(at);
    directory.write('II*\0', 0, 'latin1');
    directory.writeUInt32LE(8, 4);
    directory.writeUInt16LE(entries, 8);
    for (let index = 0; index < entries; index += 1) {
      const entry = 10 + index * 12;
      directory.writeUInt16LE(0x010f, entry);
      directory.writeUInt16LE(2, entry + 2);
      directory.writeUInt32LE(text.length, entry + 4);
      directory.writeUInt32LE(at, entry + 8);
    }
    const exif = Buffer.concat([directory, text]);
    const head = Buffer.from('RIFF\0\0\0\0WEBPEXIF\0\0\0\0', 'latin1');
    head.writeUInt32LE(exif.length, 16);
    soon(() => readDocument(Buffer.concat([head, exif])));
  });

  test.each([
    ['LoRAs', '<lora:a:1>'],
    ['embeddings', 'embedding:a '],
    ['embeddings without a name', 'embedding:'],
    ['LoRAs that do not end', '<lora:'],
    ['brackets in a name', `embedding:${'\\('.repeat(100)}`],
  ])('the text of a prompt with hundreds of thousands of %s holds up no lookup', (_what, text) => {
    const long = text.repeat(5_000_000 / text.length);
    // Some ms; read to its end it took more than a second, and an analysis reads it several times.
    expect(cpuTimeOf(() => namedInText(long))).toBeLessThan(300);
    expect(namedInText(long).length).toBeLessThanOrEqual(100);
  });

  test('a node with tens of thousands of names of models is refused', () => {
    const inputs = Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`lora_${n}`, `${n}.safetensors`]));
    const save = { class_type: 'SaveImage', inputs: { images: ['1', 0] } };
    expect(() => analyze({ 1: { class_type: 'Stack', inputs }, 2: save })).toThrow('too large');
  });

  test('a prompt with NaN and a string of millions of escapes is read', () => {
    const text = `"${'\\n'.repeat(7_500_000)}"`;
    const { prompt } = readDocument(`{"1":{"class_type":"CLIPTextEncode","inputs":{"text":${text}},"is_changed":[NaN]}}`);
    expect(prompt).toMatchObject({ 1: { is_changed: [null] } });
  });

  test('a document with strings that do not end', () => {
    soon(() => readDocument(`{"a": NaN, "b": ${'"\\"'.repeat(2_000_000)}`));
    soon(() => readDocument(`{"a": NaN, ${'\\"'.repeat(2_000_000)}`));
    soon(() => readDocument(`{"a":${'['.repeat(2_000_000)}`));
  });
});

describe.skipIf(process.platform === 'win32')('a pipe or a device in the place of a file is not waited for', () => {
  const pipe = () => {
    const path = join(tempDir(), 'pipe');
    execFileSync('mkfifo', [path]);
    return path;
  };

  test('of a workflow', async () => {
    await expect(readWorkflow(pipe())).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(readWorkflow('/dev/zero')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('of a paths file', async () => {
    await expect(readText(pipe())).rejects.toThrow('no regular file');
    await expect(readText('/dev/zero')).rejects.toThrow('no regular file');
    const socket = join(tempDir(), 'socket');
    const server = createServer().listen(socket);
    await once(server, 'listening');
    await expect(readText(socket)).rejects.toThrow('no regular file');
    expect(() => readSmallFileSync(socket, 1000)).toThrow('no regular file');
    server.close();
  });

  test('of settings', () => {
    const cwd = tempDir();
    execFileSync('mkfifo', [join(cwd, '.env')]);
    expect(readEnv({ env: {}, cwd, home: cwd }).problems).toEqual([expect.stringContaining('no regular file')]);
  });

  test('settings of blank lines only are read at once', () => {
    const cwd = tempDir();
    writeFileSync(join(cwd, '.env'), '\n \n'.repeat(80_000));
    soon(() => readEnv({ env: {}, cwd, home: cwd }));
  });
});
