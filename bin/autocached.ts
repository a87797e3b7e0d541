#!/usr/bin/env node
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  console.error(
    `autocached needs Node 22.15 or newer; this is ${process.version}. Install a current Node from https://nodejs.org, or, in a copy of the sources, use "npm start", which brings its own.`,
  );
  process.exitCode = 2;
} else {
  // Imported only now: what it imports does not load in an older Node.
  const { runProgram } = await import('../src/cli/program.ts');
  process.exitCode = await runProgram(process.argv.slice(2), {
    out: process.stdout,
    err: process.stderr,
    in: process.stdin,
    cwd: process.cwd(),
    self: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
    signals: process,
  });
}
