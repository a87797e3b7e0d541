import { describe, expect, test } from 'vitest';
import { compileGlob } from '../../src/core/glob.ts';
import { cpuTimeOf } from '../helpers/cpu-time.ts';

const matches = (glob: string, text: string, part: { ignoreCase?: boolean; backslash?: boolean } = {}) =>
  compileGlob(glob, { ignoreCase: false, backslash: false, ...part })(text);

describe('a glob', () => {
  test.each([
    ['*.safetensors', 'a.safetensors'],
    ['*', '.hidden'],
    ['*flux*', 'my-flux-dev.safetensors'],
    ['a*', 'a'],
    ['a?c', 'abc'],
    ['?.safetensors', '😀.safetensors'],
    ['[😀-😂]*', '😁-style.safetensors'],
    ['*é*', 'cafe\u0301.safetensors'],
    ['*e\u0301*', 'café.safetensors'],
    ['loras/*', 'loras/a.safetensors'],
    ['loras/**', 'loras/deep/er/a.safetensors'],
    ['**/a.gguf', 'a.gguf'],
    ['**/a.gguf', '/mnt/nas/x/a.gguf'],
    ['/mnt/**/sdxl/*.safetensors', '/mnt/nas/models/sdxl/a.safetensors'],
    ['**/x/**/y/**', 'a/x/b/x/c/y/d'],
    ['[a-c]*', 'beta'],
    ['[!a-c]*', 'zeta'],
    ['{a,b}*.{gguf,pt}', 'b1.pt'],
    ['{a,{b,c}}', 'c'],
    ['model (1).safetensors', 'model (1).safetensors'],
    ['a{b', 'a{b'],
    ['a[b', 'a[b'],
    ['\\*', '*'],
    ['!*.gguf', 'a.pt'],
    ['*a*b*c', 'xxaxxbxxbc'],
  ])('%s matches %s', (glob, text) => expect(matches(glob, text)).toBe(true));

  test.each([
    ['*.safetensors', 'loras/a.safetensors'],
    ['*', 'a/b'],
    ['*', ''],
    ['a?c', 'ac'],
    ['loras/*', 'loras/deep/a'],
    ['[!a-c]*', 'beta'],
    ['a', 'A'],
    ['\\*', 'a'],
    ['!*.gguf', 'a.gguf'],
    ['*a*b*c', 'xxbxxaxxc'],
    ['*aa', 'a'],
  ])('%s does not match %s', (glob, text) => expect(matches(glob, text)).toBe(false));

  test('knows no case, and backslashes separate, where the system has it so', () => {
    expect(matches('*FLUX*', 'flux.gguf', { ignoreCase: true })).toBe(true);
    expect(matches('C:\\models\\**', 'C:\\models\\loras\\a.gguf', { backslash: true })).toBe(true);
  });

  test.each(['+(a)', '*(a|b)', '!(a)', '@(a)', '{1..9}', '[[:alpha:]]', 'a'.repeat(1025), '{a,b}'.repeat(9)])(
    '%s is refused, with what to write instead',
    (glob) => expect(() => matches(glob, 'a')).toThrow(/cannot be used/),
  );
});

describe('no glob hangs the daemon', () => {
  const name = 'a'.repeat(255);
  test.each([
    ['stars between letters', `${'*a'.repeat(500)}*z`, name],
    ['question marks between stars', '*?'.repeat(500), `${name}/${name}`],
    ['folders between stars', `${'**/a/'.repeat(200)}z`, 'a/'.repeat(2000)],
    ['stars of folders', `${'**/'.repeat(300)}z`, 'a/'.repeat(2000)],
    ['classes', `*${'[a-z]'.repeat(200)}z`, name.repeat(16)],
    ['braces', '{a,b}'.repeat(8) + '{'.repeat(900), name],
    ['braces that do not close', `{${','.repeat(1000)}`, name],
    ['what was a group to others', '(a+)+z', name],
  ])('%s', (_what, glob, text) => {
    const tookMs = cpuTimeOf(() => {
      const isMatch = compileGlob(glob, { ignoreCase: false, backslash: false });
      for (let times = 0; times < 20; times += 1) isMatch(text);
    });
    expect(tookMs).toBeLessThan(2_000);
  });
});
