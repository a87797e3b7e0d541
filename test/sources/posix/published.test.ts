import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findPublished } from '../../../src/sources/drivers/posix/published.ts';
import { tempTree, touch } from '../temp-tree.ts';

const hash = 'ab'.repeat(32);
const anywhere = async () => true;
const find = (top: string, name: string) => findPublished(join(top, name), top, anywhere);

describe('a checksum file beside the source', () => {
  test.each([
    ['the hash alone', hash],
    ['the hash and a line break', `${hash}\r\n`],
    ['the hash in capitals', hash.toUpperCase()],
    ['hash and name, as sha256sum writes it', `${hash}  a.safetensors\n`],
    ['hash and name of a binary read', `${hash} *a.safetensors\n`],
    ['hash and a path to it', `${hash}  ./models/a.safetensors\n`],
    ['the right line of many', `${'cd'.repeat(32)}  b.safetensors\n${hash}  a.safetensors\n`],
  ])('tells its hash: %s', async (_, text) => {
    const top = tempTree({ 'a.safetensors': 'x', 'a.safetensors.sha256': text });
    expect(await find(top, 'a.safetensors')).toEqual({ sha256: hash, from: join(top, 'a.safetensors.sha256') });
  });

  test.each([
    ['nothing', ''],
    ['a shorter hash', 'ab'.repeat(20)],
    ['a longer one', `${hash}ab`],
    ['the hash of another file', `${hash}  b.safetensors\n`],
    ['a page of HTML', '<!doctype html><title>404</title>'],
    ['bytes that are no text', '\0\x01\x02'.repeat(100)],
  ])('says nothing of the source: %s', async (_, text) => {
    const top = tempTree({ 'a.safetensors': 'x', 'a.safetensors.sha256': text });
    expect(await find(top, 'a.safetensors')).toBeNull();
  });
});

describe('what is no checksum file', () => {
  test('is not read when it is huge', async () => {
    const top = tempTree({ 'a.safetensors': 'x', 'a.safetensors.sha256': `${hash}\n` });
    truncateSync(join(top, 'a.safetensors.sha256'), 1024 ** 4);
    expect(await find(top, 'a.safetensors')).toBeNull();
  });

  test.runIf(process.platform !== 'win32')(
    'is neither followed nor waited for when it is a link, a device or a pipe',
    async () => {
      const top = tempTree({ 'a.safetensors': 'x', 'b.safetensors': 'x', 'c.safetensors': 'x', elsewhere: hash });
      symlinkSync('/dev/zero', join(top, 'a.safetensors.sha256'));
      symlinkSync(join(top, 'elsewhere'), join(top, 'b.safetensors.sha256'));
      execFileSync('mkfifo', [join(top, 'c.safetensors.sha256')]);
      expect(await find(top, 'a.safetensors')).toBeNull();
      expect(await find(top, 'b.safetensors')).toBeNull();
      expect(await find(top, 'c.safetensors')).toBeNull();
    },
  );

  test('is not touched on a disk that the reader must not touch', async () => {
    const top = tempTree({ 'a.safetensors': 'x', 'a.safetensors.sha256': hash });
    const asked: string[] = [];
    const nowhere = async (path: string) => asked.push(path) === 0;
    expect(await findPublished(join(top, 'a.safetensors'), top, nowhere)).toBeNull();
    expect(asked).toContain(join(top, 'a.safetensors.sha256'));
  });
});

describe('a folder that huggingface_hub downloaded into', () => {
  const note = (etag: string, seconds: number) => `${'1'.repeat(40)}\n${etag}\n${seconds}\n`;
  const rel = join('vae', 'model.safetensors');

  function downloaded(text: string): string {
    const top = tempTree({ 'flux/vae/model.safetensors': 'x' });
    const metadata = join(top, 'flux', '.cache', 'huggingface', 'download', `${rel}.metadata`);
    mkdirSync(dirname(metadata), { recursive: true });
    writeFileSync(metadata, text);
    touch(join(top, 'flux', rel), 1000);
    return top;
  }

  test('tells the hash of a file in LFS', async () => {
    const top = downloaded(note(hash, 1000.5));
    expect(await find(top, join('flux', rel))).toEqual({
      sha256: hash,
      from: join(top, 'flux', '.cache', 'huggingface', 'download', `${rel}.metadata`),
    });
  });

  test('says nothing of a file that is not in LFS, nor of one that was written since', async () => {
    expect(await find(downloaded(note('2'.repeat(40), 2000)), join('flux', rel))).toBeNull();
    expect(await find(downloaded(note(hash, 900)), join('flux', rel))).toBeNull();
    expect(await find(downloaded(hash), join('flux', rel))).toBeNull();
  });

  test('is not looked for above the root', async () => {
    const top = downloaded(note(hash, 2000));
    expect(await findPublished(join(top, 'flux', rel), join(top, 'flux', 'vae'), anywhere)).toBeNull();
  });
});

test.runIf(process.platform !== 'win32')('in the cache of Hugging Face the name of the blob is the hash', async () => {
  const snapshot = 'models--x/snapshots/1/model.safetensors';
  const top = tempTree({ [`models--x/blobs/${hash}`]: 'x', [snapshot]: `-> ../../blobs/${hash}` });
  expect(await find(top, snapshot)).toEqual({ sha256: hash, from: join(top, 'models--x', 'blobs', hash) });
  renameSync(join(top, 'models--x', 'blobs'), join(top, 'models--x', 'other'));
  symlinkSync('other', join(top, 'models--x', 'blobs'));
  expect(statSync(join(top, snapshot)).isFile()).toBe(true);
  expect(await find(top, snapshot)).toBeNull();
});
