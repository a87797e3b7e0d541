#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const cwd = workingDirectory();
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
// The reader of the output may leave early (`autocached list | head`).
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.exitCode = 1;
    // The system's sentence, without its words for programs.
    const why = error.message.replace(/^E[A-Z]+: (.*), \w+$/, '$1');
    if (stream === process.stdout) process.stderr.write(`autocached: the output cannot be written: ${why}\n`);
  });
}

if (cwd === null) {
  console.error('autocached: the working directory does not exist any more\n  hint: run this command in another directory');
  process.exitCode = 1;
} else if (major > 22 || (major === 22 && minor >= 22)) {
  // Only a daemon stays; other commands return their memory within a second.
  if (process.argv.includes('start')) {
    const { tuneMalloc } = await import('../src/runtime/huge-pages.ts');
    tuneMalloc();
    fixYoungGeneration();
  }
  // Imported only now: its imports do not load in an older Node.
  const { runProgram } = await import('../src/cli/program.ts');
  process.exitCode = await runProgram(process.argv.slice(2), {
    out: process.stdout,
    err: process.stderr,
    in: process.stdin,
    cwd,
    chdir: (directory) => process.chdir(directory),
    self: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
    signals: process,
  });
} else {
  const need = `autocached needs Node 22.22 or newer; this is ${process.version}.`;
  const own = ownNode();
  if (own === undefined) {
    console.error(
      `${need} Install a current Node from https://nodejs.org, or, in a copy of the sources, use "npm start", which brings its own.`,
    );
    process.exitCode = 2;
  } else {
    console.error(`autocached: Node ${process.version} is too old, so the one of npm start is used`);
    const child = spawn(own, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
    child.on('exit', (code) => {
      process.exitCode = code ?? 1;
    });
  }
}

/** @returns null when it was removed */
function workingDirectory(): string | null {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

/**
 * Grows the young generation of the heap once, to 4 MiB. Otherwise it grows to many times the live size, and a daemon keeps it for
 * good; with the initial 1 MiB every tenth of a lookup goes into collecting it.
 */
function fixYoungGeneration(): void {
  const size = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? Infinity;
  const wanted = 4 * size();
  setFlagsFromString('--semi-space-growth-factor=4');
  // The generation grows when most of it outlives a collection.
  for (let alive: object[] = [], left = 100; size() < wanted && left > 0; left--) {
    alive = Array.from({ length: 20_000 }, () => ({ alive }));
  }
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** The Node of the sources: two directories above the compiled program, one above the source. */
function ownNode(): string | undefined {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const places = ['../', '../../'].map((up) => fileURLToPath(new URL(`${up}node_modules/node/bin/${name}`, import.meta.url)));
  return places.find((place) => place !== process.execPath && existsSync(place));
}
