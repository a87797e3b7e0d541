import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RootView } from '../../src/api/api.ts';
import { foldRoots } from '../../src/cli/text/fold-roots.ts';

const root = (path: string, rest: Partial<RootView> = {}): RootView => ({
  path: join('/', path),
  kind: 'hdd',
  kindFrom: 'assumed',
  categories: [],
  origin: 'comfyui',
  health: 'ok',
  why: null,
  files: 1,
  ...rest,
});

test('folders side by side stand on one line, those of which something else is to be said on their own', () => {
  const roots = [
    root('comfy/models/loras', { files: 3 }),
    root('comfy/models/vae', { health: 'away', why: 'empty' }),
    root('comfy/models/checkpoints', { files: null }),
    root('mnt/nas', { kind: 'nas' }),
    root('comfy/models/unet', { files: 4 }),
  ];
  expect(foldRoots(roots).map(({ path, files, health }) => ({ path, files, health }))).toEqual([
    { path: join('/comfy/models/*'), files: 7, health: 'ok' },
    { path: join('/comfy/models/vae'), files: 1, health: 'away' },
    { path: join('/mnt/nas'), files: 1, health: 'ok' },
  ]);
});
