import { expect, test } from 'vitest';
import { placeholderPath } from '../../src/remotes/object-name.ts';

test.each(['loras/a.safetensors', 'a b/ü (1).gguf', 'checkpoints/deep/er/x.ckpt', '.hidden/x.pt'])(
  '%j has a placeholder',
  (key) => {
    expect(placeholderPath(key)).toBe(key.replaceAll('/', process.platform === 'win32' ? '\\' : '/'));
  },
);

test.each([
  '../a.safetensors',
  'loras/../../a.safetensors',
  'loras/..',
  './a.pt',
  '/etc/a.pt',
  'loras//a.pt',
  'loras/',
  '',
  'loras\\..\\a.pt',
  'C:/a.pt',
  'a.pt:stream',
  'a\0.pt',
  'a\n.pt',
  'a\u009b.pt',
  'nul',
  'loras/CON.safetensors',
  'loras./a.pt',
  'a.pt ',
  `${'n'.repeat(256)}.pt`,
  `${'ü'.repeat(127)}.pt`,
  `${'deep/'.repeat(300)}a.pt`,
  'a\ud800.pt',
])('%j has none', (key) => {
  expect(placeholderPath(key)).toBeNull();
});
