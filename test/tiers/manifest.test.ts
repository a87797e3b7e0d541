import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Manifest, parseManifest } from '../../src/tiers/manifest.ts';

const proof: Manifest = {
  version: 1,
  source: {
    path: '/nas/models/loras/a.safetensors',
    root: '/nas/models',
    rel: 'loras/a.safetensors',
    category: 'loras',
    fingerprint: { size: 9, mtimeNs: '1712345678901234567', ino: null },
  },
  seal: { size: 9, mtimeNs: '-5', ino: '18446744073709551615' },
  hash: 'xxh128c8:ab',
  chunks: 'abcd',
  sha256: null,
};

test('a proof is read as it was written', () => {
  expect(parseManifest(JSON.stringify(proof))).toEqual(proof);
});

test('half a proof is none, wherever it was cut', () => {
  const text = JSON.stringify(proof);
  for (let end = 0; end < text.length; end += 1) expect(parseManifest(text.slice(0, end))).toBeUndefined();
});

describe('what is not a proof is not taken for one', () => {
  test.each<[string, unknown]>([
    ['of a later version', { ...proof, version: 2 }],
    ['without a source', { ...proof, source: undefined }],
    ['of a source without a name', { ...proof, source: { ...proof.source, rel: '' } }],
    ['with a negative size', { ...proof, seal: { ...proof.seal, size: -1 } }],
    ['with a broken size', { ...proof, seal: { ...proof.seal, size: 1.5 } }],
    [
      'with an mtime as a number, which cannot hold its last digits',
      { ...proof, seal: { ...proof.seal, mtimeNs: 1_712_345_678_901_234 } },
    ],
    ['with an mtime that is none', { ...proof, seal: { ...proof.seal, mtimeNs: '1e9' } }],
    ['without an inode', { ...proof, seal: { size: 9, mtimeNs: '5' } }],
    ['without a hash', { ...proof, hash: '' }],
    ['null', null],
    ['a list', [proof]],
    ['a text', 'proof'],
  ])('%s', (_what, value) => {
    expect(parseManifest(JSON.stringify(value))).toBeUndefined();
  });

  test('and reading never throws, whatever lies there', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseManifest(text)));
  });
});
