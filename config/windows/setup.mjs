// Sets autocached up on Windows, for a portable ComfyUI too, and takes it back (--undo). Started by setup.cmd, which brings its own
// Node. Plain JavaScript with nothing but Node, for people who want to read what it does to their machine.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, parse, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';

const usage = `setup.cmd [DIR ...] [--undo] [--yes] [--dry-run]

  DIR        directory of ComfyUI, or of a portable ComfyUI; default: those found beside this folder, on its drive, on C:, and in your folders
  --undo     take back what a set-up did
  --yes      do not ask
  --dry-run  only show what would be done
`;
const program = resolve(import.meta.dirname, '../../dist/bin/autocached.js');
/** The unpacked folder; it also remembers which ComfyUI was connected. */
const home = resolve(import.meta.dirname, '../../../..');
const remembered = join(home, 'connected.txt');

const { values, positionals } = given();
if (values.help) console.log(usage);
else process.exitCode = await (values.undo ? undo() : setUp());

function given() {
  const flag = { type: 'boolean' };
  try {
    return parseArgs({ allowPositionals: true, options: { undo: flag, yes: flag, 'dry-run': flag, help: flag } });
  } catch (error) {
    console.error(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
}

async function setUp() {
  const named = positionals.map((dir) => ({ dir, comfyui: comfyuiIn(resolve(dir)) }));
  const wrong = named.filter(({ comfyui }) => comfyui === null);
  for (const { dir } of wrong)
    console.error(`${dir} is not a ComfyUI: it has no main.py and folder_paths.py, nor a folder ComfyUI with them`);
  if (wrong.length > 0) return 1;
  const dirs = named.length > 0 ? named.map(({ comfyui }) => comfyui) : found();
  if (dirs.length === 0) console.log('No ComfyUI was found. Name it to connect it: setup.cmd D:\\ComfyUI_windows_portable\n');
  const steps = [
    ...dirs.map((dir) => ({
      says: `connect ComfyUI: add the folder ${join(dir, 'custom_nodes', 'autocached')}`,
      command: ['comfyui', 'install', dir],
    })),
    {
      says: 'add the scheduled task "autocached", which starts it when you log on, and start it',
      command: ['service', 'install', '--yes'],
    },
  ];
  if (!(await shown(steps, 'Nothing else changes. Take it back with: setup.cmd --undo'))) return asked();
  // Before the first step: a set-up that stops half-way can be taken back too.
  writeFileSync(remembered, [...new Set([...connected(), ...dirs])].map((dir) => `${dir}\r\n`).join(''));
  if (!carriedOut(steps)) return 1;
  console.log('\nDone. Restart ComfyUI; then "autocached.cmd status" shows what autocached does.');
  return 0;
}

async function undo() {
  const dirs = positionals.length > 0 ? positionals.map((dir) => comfyuiIn(resolve(dir)) ?? resolve(dir)) : connected();
  const steps = [
    { says: 'stop autocached, and remove the scheduled task "autocached"', command: ['service', 'uninstall', '--yes'] },
    ...dirs.map((dir) => ({
      says: `disconnect ComfyUI: remove our files from ${join(dir, 'custom_nodes', 'autocached')}`,
      command: ['comfyui', 'uninstall', dir],
    })),
  ];
  const kept =
    'Your models and your settings stay as they are, and so do the copies: before this, "autocached.cmd purge --all" deletes them.';
  if (!(await shown(steps, kept))) return asked();
  if (!carriedOut(steps)) return 1;
  rmSync(remembered, { force: true });
  console.log(`\nDone. Restart ComfyUI, and delete ${home}.`);
  return 0;
}

/** Shows the steps. @returns whether to take them */
async function shown(steps, note) {
  console.log(['This will:', ...steps.map(({ says }, index) => `  ${index + 1}. ${says}`), note, ''].join('\n'));
  return !values['dry-run'] && (values.yes || (await agreed()));
}

/** The exit code when no step is taken. */
function asked() {
  console.log('Nothing was changed.');
  return values['dry-run'] ? 0 : 1;
}

/** Takes the steps one by one; a failed one does not keep the others from being tried. @returns whether all succeeded */
function carriedOut(steps) {
  const run = ({ command }) => spawnSync(process.execPath, [program, ...command], { stdio: 'inherit' }).status;
  const failed = steps.filter((step) => run(step) !== 0);
  for (const { says } of failed) console.error(`FAILED: ${says}`);
  return failed.length === 0;
}

async function agreed() {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  // Without a keyboard there is no answer.
  const ended = once(lines, 'close').then(() => '');
  const answer = await Promise.race([lines.question('Go on? [y/N] '), ended]);
  lines.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** The directory with ComfyUI's program: this one, or the one inside a portable ComfyUI. */
function comfyuiIn(dir) {
  const isProgram = (path) => existsSync(join(path, 'main.py')) && existsSync(join(path, 'folder_paths.py'));
  return [dir, join(dir, 'ComfyUI')].find(isProgram) ?? null;
}

/** Usual places of ComfyUI: beside this, at the top of this drive and of drive C, the desktop, downloads. No share is touched. */
function found() {
  const { root } = parse(home);
  const own = ['Desktop', 'Downloads', 'Documents', '.'].map((name) => join(homedir(), name));
  const places = [...new Set([dirname(home), root, 'C:\\', ...own])];
  const dirs = places.flatMap((place) => [place, ...directoriesIn(place)]).map(comfyuiIn);
  return [...new Set(dirs.filter((dir) => dir !== null))];
}

function directoriesIn(dir) {
  try {
    return readdirSync(dir)
      .map((name) => join(dir, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  } catch {
    return [];
  }
}

/** The directories that earlier set-ups have connected. */
function connected() {
  return existsSync(remembered) ? readFileSync(remembered, 'utf8').split(/\r?\n/).filter(Boolean) : [];
}
