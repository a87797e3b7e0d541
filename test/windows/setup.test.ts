import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { folder, theWine, windowsTest } from './daemon.ts';

/** A portable ComfyUI, as far as it takes to be known as one. */
function portableComfyui(): string {
  const dir = `${folder()}\\ComfyUI windows portable`;
  const program = theWine().unix(`${dir}\\ComfyUI`);
  mkdirSync(join(program, 'custom_nodes'), { recursive: true });
  mkdirSync(theWine().unix(`${dir}\\python_embeded`));
  for (const name of ['main.py', 'folder_paths.py']) writeFileSync(join(program, name), '');
  return dir;
}

/** Runs a command file of the unpacked folder. */
function command(name: string, ...args: string[]) {
  const wine = theWine();
  const file = `Z:${join(wine.place.program, name).replaceAll('/', '\\')}`;
  return wine.run('cmd', ['/c', file, ...args]);
}

windowsTest('setup.cmd shows what it will do, does it for a portable ComfyUI, and takes it back', async () => {
  const wine = theWine();
  const dir = portableComfyui();
  const shim = `${dir}\\ComfyUI\\custom_nodes\\autocached`;
  const shown = await command('setup.cmd', dir, '--dry-run');
  expect(shown).toMatchObject({ code: 0, text: expect.stringContaining(shim) });
  expect(shown.text).toContain('scheduled task');
  expect(existsSync(wine.unix(shim))).toBe(false);

  const done = await command('setup.cmd', dir, '--yes');
  expect(existsSync(wine.unix(`${shim}\\__init__.py`))).toBe(true);
  expect(existsSync(wine.unix(`${wine.profile}\\AppData\\Local\\autocached\\State\\service-task.xml`))).toBe(true);
  // Wine loses the end of some programs: then the step is told as failed, and can be taken back all the same.
  if (done.code !== 0) expect(done.text).toContain('FAILED: add the scheduled task');

  const undone = await command('setup.cmd', '--undo', '--yes');
  expect(undone.text).toContain(`disconnect ComfyUI: remove our files from ${shim}`);
  expect(existsSync(wine.unix(`${shim}\\__init__.py`))).toBe(false);
});

windowsTest('setup.cmd changes nothing for a folder that is no ComfyUI, nor without an answer', async () => {
  const dir = folder();
  expect(await command('setup.cmd', dir, '--yes')).toMatchObject({
    code: 1,
    text: expect.stringContaining('is not a ComfyUI'),
  });
  const asked = await command('setup.cmd', portableComfyui());
  expect(asked).toMatchObject({ code: 1, text: expect.stringContaining('Nothing was changed') });
});

windowsTest('service install --dry-run prints the task and the commands that add it', async () => {
  const { code, text } = await command('autocached.cmd', 'service', 'install', '--dry-run');
  expect(code).toBe(0);
  expect(text).toContain('<LogonTrigger>');
  expect(text).toMatch(/schtasks \/Create .*service-task\.xml/);
  expect(text).toContain('node.exe');
});
