import { existsSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { NamedRoots, type RootNames } from '../../src/roots/named-roots.ts';
import type { RootSpec } from '../../src/roots/registry.ts';
import { createLog } from '../../src/runtime/log.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const none: RootNames = { roots: [], comfyui: [] };

/** Named roots that are only written down; `/cache` cannot be one. */
function naming() {
  const added: string[] = [];
  let wake = () => {};
  const log = createLog({ level: 'silent', form: 'json' });
  const warn = vi.spyOn(log, 'warn');
  const named = new NamedRoots({
    environment: {},
    log,
    async add({ path }: RootSpec) {
      if (path === '/cache') throw new CacheError('BAD_CONFIG', `the cache directory is also ${path}`);
      added.push(path);
    },
    readText: async (path) => (existsSync(path) ? readFile(path, 'utf8') : null),
    onAdded: () => wake(),
  });
  onTestFinished(() => named[Symbol.asyncDispose]());
  const comes = async (path: string) => {
    while (!added.includes(path)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const said = () => warn.mock.calls.map(([text]) => text);
  return { named, added, comes, said };
}

/** A ComfyUI directory with a yaml file that names this folder of LoRAs. */
function comfyui() {
  const directory = join(tempDir(), 'ComfyUI');
  mkdirSync(directory);
  const yaml = join(directory, 'extra_model_paths.yaml');
  const name = (text: string) => {
    writeFileSync(`${yaml}.new`, text);
    renameSync(`${yaml}.new`, yaml);
  };
  return { directory, yaml, name, lora: (folder: string) => `mine:\n  loras: ${folder}\n` };
}

test('a folder that is added to extra_model_paths.yaml becomes a root, without a restart', async () => {
  const { directory, name, lora } = comfyui();
  const { named, added, comes } = naming();
  name(lora('/mnt/a'));
  await named.open({ ...none, comfyui: [directory] }, { strict: true });
  expect(added).toContain('/mnt/a');
  expect(added).toContain(join(directory, 'models'));
  named.keep();
  name('mine:\n  loras: |\n    /mnt/a\n    /mnt/b\n');
  await comes('/mnt/b');
  expect(added.filter((path) => path === '/mnt/a')).toHaveLength(1);
  expect(named.warnings).toEqual([]);
});

test('a yaml file that is written later is found, and counts before the older one', async () => {
  const { directory, yaml, name, lora } = comfyui();
  const { named, comes, said } = naming();
  await named.open({ ...none, comfyui: [directory] }, { strict: true });
  named.keep();
  name(lora('/mnt/a'));
  await comes('/mnt/a');
  writeFileSync(yaml.replace('extra_model_paths', 'extra_paths'), lora('/mnt/new'));
  await comes('/mnt/new');
  const stays = '/mnt/a is no longer named, and stays a root until: autocached restart';
  expect(named.warnings).toEqual([stays]);
  await named.update({ ...none, comfyui: [directory] });
  expect(said()).toEqual([stays]);
});

test('a yaml file with a mistake is told with its line, and takes no root away', async () => {
  const { directory, yaml, name, lora } = comfyui();
  const { named, comes, said } = naming();
  name(lora('/mnt/a'));
  await named.open({ ...none, comfyui: [directory] }, { strict: true });
  name('mine:\n  loras: [\n');
  await named.update({ ...none, comfyui: [directory] });
  expect(named.warnings).toEqual([expect.stringContaining(`the roots of ${directory} stay as they were: ${yaml}, line`)]);
  await named.update({ ...none, comfyui: [directory] });
  expect(said()).toHaveLength(1);
  named.keep();
  name(lora('/mnt/b'));
  await comes('/mnt/b');
  expect(named.warnings).toEqual(['/mnt/a is no longer named, and stays a root until: autocached restart']);
});

test('a yaml file that cannot be read at the start is told, and takes none of ComfyUI’s own folders away', async () => {
  const { directory, yaml, name, lora } = comfyui();
  const { named, added, comes, said } = naming();
  mkdirSync(yaml);
  await named.open({ ...none, comfyui: [directory] }, { strict: true });
  expect(added).toEqual(expect.arrayContaining([join(directory, 'models'), join(directory, 'models/loras')]));
  expect(named.warnings).toEqual([expect.stringContaining(`only the own folders of ${directory} are roots: `)]);
  expect(named.warnings[0]).toContain(yaml);
  await named.update({ ...none, comfyui: [directory] });
  expect(said()).toHaveLength(1);
  named.keep();
  rmdirSync(yaml);
  name(lora('/mnt/a'));
  await comes('/mnt/a');
  expect(named.warnings).toEqual([]);
});

test('at the start what the files name must be usable; what was changed while running is left out', async () => {
  const names = { ...none, roots: [{ path: '/cache', kind: null }] };
  await expect(naming().named.open(names, { strict: true })).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  const { named } = naming();
  await named.open(names, { strict: false });
  expect(named.warnings).toEqual(['/cache is left out: the cache directory is also /cache']);
});

test('a ComfyUI directory that is named later is read and watched', async () => {
  const { directory, yaml, name, lora } = comfyui();
  const { named, added, comes } = naming();
  await named.open(none, { strict: true });
  named.keep();
  await named.update({ ...none, comfyui: [directory] });
  expect(added).toContain(join(directory, 'models'));
  name(lora('/mnt/a'));
  await comes('/mnt/a');
  rmSync(yaml);
  name(lora('/mnt/b'));
  await comes('/mnt/b');
});
