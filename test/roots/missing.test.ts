import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { missingText } from '../../src/roots/missing.ts';
import { tempTree } from '../sources/temp-tree.ts';
import { keeping } from './keeping.ts';

test('a mistyped folder is said to be missing, with the one that was meant', async () => {
  const top = tempTree({ 'ComfyUI/models/loras/a.safetensors': 'x', 'other/b': 'x' });
  const says = (...parts: string[]) => missingText(join(top, ...parts));
  expect(await says('ComfyUI', 'modles')).toBe(`there is no such directory; did you mean ${join(top, 'ComfyUI', 'models')}?`);
  expect(await says('ComyfUI', 'models')).toBe(`there is no such directory; did you mean ${join(top, 'ComfyUI', 'models')}?`);
  expect(await says('nothing-like-it')).toBe('there is no such directory');
});

test('a root that never was there is missing; one that was there is away, and its copies count', async () => {
  const top = tempTree({ 'models/a.ckpt': 'x' });
  const { keeper, health, add } = keeping();
  const [real, typo] = [add(join(top, 'models')), add(join(top, 'modles'))];
  await keeper.scan();
  expect(keeper.health(typo)).toMatchObject({ health: 'missing', why: expect.stringContaining(`did you mean ${real.path}?`) });
  rmSync(real.path, { recursive: true });
  await keeper.look();
  expect(keeper.health(real)).toMatchObject({ health: 'away' });
  mkdirSync(join(typo.path, 'loras'), { recursive: true });
  await keeper.check(typo);
  expect(keeper.health(typo)).toMatchObject({ health: 'ok', why: null });
  expect(health).toContain(`missing ${typo.path}`);
});
