/**
 * Preloaded into the daemon (`node --import`), and by NODE_OPTIONS into its threads and processes: every call that changes
 * something below CRASH_BELOW (directories, joined by `:`), and every write to the catalog, is a numbered step. Before the step
 * whose number is CRASH_AT the daemon is killed as by a power cut. CRASH_LOG gathers the steps of all threads, one line each.
 */
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { isMainThread, threadId } from 'node:worker_threads';

const { CRASH_AT = '', CRASH_LOG = '', CRASH_BELOW = '', CRASH_ROWS = 'copies' } = process.env;
const rows = new RegExp(`^\\s*(INSERT|UPDATE|DELETE)[^;]*\\b(${CRASH_ROWS})\\b`);
const real = { openSync: fs.openSync, writeSync: fs.writeSync, readFileSync: fs.readFileSync };
const directories = CRASH_BELOW.split(':');
const ours = new Set<number>();
const log = CRASH_LOG === '' ? -1 : real.openSync(CRASH_LOG, 'a');

let taken = 0;

function step(name: string, detail: string): void {
  // Appending is one step for the system, so threads and processes count together; which line is this one's its end tells.
  taken += 1;
  const line = `${name} ${detail.replaceAll('\n', ' ')} (${process.pid}.${threadId}.${taken})`;
  real.writeSync(log, `${line}\n`);
  const number = real.readFileSync(CRASH_LOG, 'utf8').split('\n').indexOf(line) + 1;
  if (number !== Number(CRASH_AT)) return;
  const isReader = process.send !== undefined;
  if (isReader) process.kill(process.ppid, 'SIGKILL');
  process.kill(process.pid, 'SIGKILL');
  // The signal ends every thread; this one must not take the step before it arrives.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
}

function isOurs(target: unknown): boolean {
  if (typeof target === 'number') return ours.has(target);
  // A file that is opened again, by its number.
  const [, again] = /^\/proc\/self\/fd\/(\d+)$/.exec(String(target)) ?? [];
  if (again !== undefined) return ours.has(Number(again));
  return typeof target === 'string' && directories.some((directory) => target.startsWith(directory));
}

type AnyCall = (...args: unknown[]) => unknown;

function wrap(where: object, name: string): void {
  const calls = where as Record<string, AnyCall>;
  const original = calls[name];
  if (!original) throw new Error(`no ${name} to wrap`);
  calls[name] = (...args) => {
    const writes = !name.startsWith('open') || args[1] !== 'r';
    // A symbolic link is made at its second argument.
    const target = name === 'symlinkSync' ? args[1] : args[0];
    if (writes && isOurs(target)) step(name, String(target));
    const result = original.apply(where, args);
    if (name === 'open' && writes && isOurs(args[0]))
      return (result as Promise<object>).then((file) => wrapHandle(file, String(args[0])));
    if (name === 'openSync' && isOurs(args[0])) ours.add(result as number);
    if (name === 'closeSync') ours.delete(args[0] as number);
    return result;
  };
}

/** A file that was opened by a promise. */
function wrapHandle(file: object, path: string): object {
  const calls = file as Record<string, AnyCall>;
  for (const name of ['write', 'writeFile', 'sync', 'chmod', 'utimes']) {
    const original = calls[name];
    calls[name] = (...args) => {
      step(name, path);
      return original?.apply(file, args);
    };
  }
  return file;
}

if (log >= 0) {
  const sync = [
    'mkdirSync',
    'openSync',
    'write',
    'writeSync',
    'writeFileSync',
    'fsync',
    'utimesSync',
    'chmodSync',
    'renameSync',
    'linkSync',
    'symlinkSync',
    'copyFileSync',
    'truncateSync',
    'ftruncateSync',
  ];
  for (const name of [...sync, 'rmSync', 'rmdirSync', 'closeSync', 'fdatasync', 'fdatasyncSync']) wrap(fs, name);
  for (const name of ['rm', 'rename', 'open', 'mkdir']) wrap(fs.promises, name);
  syncBuiltinESMExports();
  // In the daemon itself the rows are steps as well; its threads and processes never open the catalog.
  if (isMainThread && process.send === undefined) {
    const Sqlite = createRequire(import.meta.url)('better-sqlite3') as typeof import('better-sqlite3');
    const memory = new Sqlite(':memory:');
    const statements = Object.getPrototypeOf(memory.prepare('SELECT 1')) as { run: AnyCall; get: AnyCall; source: string };
    memory.close();
    for (const name of ['run', 'get'] as const) {
      const original = statements[name];
      statements[name] = function (this: { source: string; reader: boolean }, ...args) {
        if (rows.test(this.source)) step('row', this.source.slice(0, 60));
        return original.apply(this, args);
      };
    }
  }
}
