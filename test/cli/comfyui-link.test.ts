import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { comfyuiDir } from '../../src/cli/comfyui-dir.ts';
import { installShim, shimStatus, uninstallShim } from '../../src/cli/comfyui-link.ts';

const root = join(import.meta.dirname, '..', '..');
const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
const shipped = filesBelow(join(root, 'comfyui')).filter((name) => !name.includes('__pycache__'));
const marker = 'autocached_files.json';
const note = 'autocached_state.txt';

let dir: string;
let comfy: string;
let folder: string;
const stateDir = join(tmpdir(), 'some', 'state');

beforeEach(() => {
  dir = mkdtempSync(join(realpathSync(tmpdir()), 'autocached-'));
  comfy = join(dir, 'ComfyUI');
  folder = join(comfy, 'custom_nodes', 'autocached');
  write('ComfyUI/main.py', '');
  write('ComfyUI/folder_paths.py', '');
  write('ComfyUI/comfyui_version.py', '# made by a build\n__version__ = "0.33.0"\n');
  write('ComfyUI/custom_nodes/other/__init__.py', 'theirs');
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(path: string, text: string): string {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** A package with these files in its `comfyui/`. */
function packageWith(name: string, version: string, files: Record<string, string>): string {
  write(`${name}/package.json`, JSON.stringify({ version }));
  for (const [file, text] of Object.entries(files)) write(`${name}/comfyui/${file}`, text);
  return join(dir, name);
}

const list = () => readdirSync(folder).sort();

test('after installing, ComfyUI finds the whole resolver and the resolver finds the daemon', async () => {
  const status = await installShim(comfy, { stateDir });
  expect(status).toMatchObject({ folder, installed: true, upToDate: true, linked: false, stateDir, comfyuiVersion: '0.33.0' });
  expect(status.version).toBe(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
  expect(filesBelow(folder).sort()).toEqual([...shipped, marker, note].sort());
  expect(shipped).toContain('prestartup_script.py');
  expect(shipped).toContain('web/autocached.js');
  for (const name of shipped) expect(readFileSync(join(folder, name))).toEqual(readFileSync(join(root, 'comfyui', name)));
  expect(readFileSync(join(folder, note), 'utf8')).toBe(`${stateDir}\n`);
});

test('the status of a ComfyUI without the resolver says so and writes nothing', async () => {
  expect(await shimStatus(comfy)).toEqual({
    folder,
    installed: false,
    version: null,
    upToDate: false,
    linked: false,
    stateDir: null,
    comfyuiVersion: '0.33.0',
  });
  expect(readdirSync(join(comfy, 'custom_nodes'))).toEqual(['other']);
});

test('a newer autocached is noticed and replaces every file of the older one, compiled ones too', async () => {
  const old = packageWith('old', '1.0.0', { '__init__.py': 'old', 'gone.py': 'old', 'web/gone.js': 'old' });
  const next = packageWith('new', '2.0.0', { '__init__.py': 'new', 'more.py': 'new' });
  await installShim(comfy, { stateDir, packageDir: old });
  write('ComfyUI/custom_nodes/autocached/__pycache__/gone.cpython-312.pyc', 'compiled');
  expect(await shimStatus(comfy, { packageDir: next })).toMatchObject({ version: '1.0.0', upToDate: false });
  expect(await installShim(comfy, { stateDir, packageDir: next })).toMatchObject({ version: '2.0.0', upToDate: true });
  expect(list()).toEqual(['__init__.py', marker, note, 'more.py'].sort());
  expect(readFileSync(join(folder, '__init__.py'), 'utf8')).toBe('new');
});

test('a file that was edited or lost in ComfyUI is noticed, and installing again repairs it', async () => {
  await installShim(comfy, { stateDir });
  write('ComfyUI/custom_nodes/autocached/resolver.py', 'edited');
  expect((await shimStatus(comfy)).upToDate).toBe(false);
  rmSync(join(folder, 'resolver.py'));
  expect((await shimStatus(comfy)).upToDate).toBe(false);
  expect((await installShim(comfy, { stateDir })).upToDate).toBe(true);
});

test('an installation that was interrupted can be repeated', async () => {
  mkdirSync(folder);
  await installShim(comfy, { stateDir });
  rmSync(join(folder, note));
  rmSync(join(folder, 'hook.py'));
  expect((await installShim(comfy, { stateDir })).upToDate).toBe(true);
});

test('uninstalling leaves no trace of the resolver, nor of what Python compiled from it', async () => {
  await installShim(comfy, { stateDir });
  write('ComfyUI/custom_nodes/autocached/__pycache__/__init__.cpython-312.pyc', 'compiled');
  write('ComfyUI/custom_nodes/autocached/__pycache__/hook.cpython-39.opt-1.pyc', 'compiled');
  const { removed, left } = await uninstallShim(comfy);
  expect(removed).toContain('resolver.py');
  expect(left).toEqual([]);
  expect(readdirSync(join(comfy, 'custom_nodes'))).toEqual(['other']);
  expect((await shimStatus(comfy)).installed).toBe(false);
});

test('uninstalling keeps files that others put there, and tells of them', async () => {
  await installShim(comfy, { stateDir });
  write('ComfyUI/custom_nodes/autocached/notes.txt', 'mine');
  write('ComfyUI/custom_nodes/autocached/__pycache__/mine.cpython-312.pyc', 'mine');
  expect((await uninstallShim(comfy)).left).toEqual(['__pycache__/mine.cpython-312.pyc', 'notes.txt']);
  expect(list()).toEqual(['__pycache__', 'notes.txt']);
});

test('uninstalling where nothing is installed changes nothing', async () => {
  expect(await uninstallShim(comfy)).toEqual({ folder, removed: [], left: [] });
});

test.each([
  ['a folder of somebody else', () => write('ComfyUI/custom_nodes/autocached/__init__.py', 'theirs')],
  ['a folder with a marker that makes no sense', () => write(`ComfyUI/custom_nodes/autocached/${marker}`, '{"files":5}')],
  [
    'a marker that names files elsewhere',
    () => write(`ComfyUI/custom_nodes/autocached/${marker}`, escaping('../other/__init__.py')),
  ],
  ['a marker that names an absolute path', () => write(`ComfyUI/custom_nodes/autocached/${marker}`, escaping('/etc/passwd'))],
  ['a file', () => write('ComfyUI/custom_nodes/autocached', 'theirs')],
  ['a link', () => symlinkSync(join(comfy, 'custom_nodes', 'other'), folder, 'junction')],
])('%s is not taken for ours', async (_, make) => {
  make();
  for (const attempt of [() => installShim(comfy, { stateDir }), () => uninstallShim(comfy), () => shimStatus(comfy)]) {
    await expect(attempt()).rejects.toMatchObject({ code: 'CONFLICT', hint: expect.stringContaining('move it away') });
  }
  expect(readFileSync(join(comfy, 'custom_nodes', 'other', '__init__.py'), 'utf8')).toBe('theirs');
  expect(readdirSync(join(comfy, 'custom_nodes', 'other'))).toEqual(['__init__.py']);
});

function escaping(file: string): string {
  return JSON.stringify({ version: '1', linked: false, files: [file] });
}

test("a new version does not overwrite somebody's file that has the name of a new one of ours", async () => {
  const old = packageWith('old', '1.0.0', { '__init__.py': 'old' });
  const next = packageWith('new', '2.0.0', { '__init__.py': 'new', 'more.py': 'new' });
  await installShim(comfy, { stateDir, packageDir: old });
  write('ComfyUI/custom_nodes/autocached/more.py', 'mine');
  await expect(installShim(comfy, { stateDir, packageDir: next })).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(readFileSync(join(folder, 'more.py'), 'utf8')).toBe('mine');
  expect(readFileSync(join(folder, '__init__.py'), 'utf8')).toBe('old');
  expect((await uninstallShim(comfy)).left).toEqual(['more.py']);
});

test.skipIf(process.platform === 'win32')(
  'a developer can link the files, and uninstalling leaves the linked ones alone',
  async () => {
    const packageDir = packageWith('dev', '1.0.0', { '__init__.py': 'dev' });
    expect(await installShim(comfy, { stateDir, packageDir, link: true })).toMatchObject({ linked: true, upToDate: true });
    expect(lstatSync(join(folder, '__init__.py')).isSymbolicLink()).toBe(true);
    write('dev/comfyui/__init__.py', 'changed');
    expect(readFileSync(join(folder, '__init__.py'), 'utf8')).toBe('changed');
    await uninstallShim(comfy);
    expect(readFileSync(join(packageDir, 'comfyui', '__init__.py'), 'utf8')).toBe('changed');
  },
);

test('a directory that is not ComfyUI is refused, with where ComfyUI is', async () => {
  await expect(shimStatus(dir)).rejects.toMatchObject({ code: 'BAD_REQUEST', hint: `did you mean ${comfy}?` });
  await expect(installShim(join(comfy, 'custom_nodes'), { stateDir })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
    hint: expect.stringContaining('main.py'),
  });
  await expect(uninstallShim(join(dir, 'none'))).rejects.toMatchObject({
    code: 'BAD_REQUEST',
    message: expect.stringContaining('none'),
  });
  expect(readdirSync(join(comfy, 'custom_nodes'))).toEqual(['other']);
});

test('the base directory of the desktop app is accepted, though the program lies elsewhere', async () => {
  mkdirSync(join(dir, 'base', 'models'), { recursive: true });
  mkdirSync(join(dir, 'base', 'custom_nodes'));
  expect(await installShim(join(dir, 'base'), { stateDir })).toMatchObject({ installed: true, comfyuiVersion: null });
});

test('the version is read from pyproject.toml where a checkout has no version file', async () => {
  rmSync(join(comfy, 'comfyui_version.py'));
  write(
    'ComfyUI/pyproject.toml',
    '[tool.x]\nversion = "9"\n\n[project]\nname = "ComfyUI"\nversion = "0.3.10"\n\n[tool.y]\nversion = "8"\n',
  );
  expect((await shimStatus(comfy)).comfyuiVersion).toBe('0.3.10');
});

test('a base directory is one also when its models lie elsewhere', async () => {
  for (const [base, beside] of [
    ['base-1', 'user'],
    ['base-2', 'models'],
  ] as const) {
    write(`${base}/custom_nodes/other/__init__.py`, 'theirs');
    mkdirSync(join(dir, base, beside));
    expect(comfyuiDir(join(dir, base))).toBe(join(dir, base));
  }
  for (const [base, put] of [
    ['base-3', (at: string) => symlinkSync('/mnt/unmounted/models', join(at, 'models'), 'junction')],
    ['base-4', (at: string) => writeFileSync(join(at, 'extra_model_paths.yaml'), '')],
  ] as const) {
    write(`${base}/custom_nodes/other/__init__.py`, 'theirs');
    put(join(dir, base));
    expect(comfyuiDir(join(dir, base))).toBe(join(dir, base));
  }
  write('no-comfyui/custom_nodes/other/__init__.py', 'theirs');
  expect(() => comfyuiDir(join(dir, 'no-comfyui'))).toThrow('is not a ComfyUI directory');
});
