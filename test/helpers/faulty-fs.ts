import type * as Fs from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import { expect, onTestFinished } from 'vitest';

const watched = [
  'chmodSync',
  'closeSync',
  'copyFileSync',
  'fstatSync',
  'linkSync',
  'lstatSync',
  'mkdirSync',
  'openSync',
  'opendirSync',
  'readSync',
  'renameSync',
  'statSync',
  'statfsSync',
  'utimesSync',
  'writeFileSync',
  'writeSync',
] as const;
/** Calls with a callback. Their faults throw, or return what `readSync` and its like do, or a promise of it. */
type Async = 'fsync' | 'read' | 'write';
/** `readdir` is from `node:fs/promises`. */
type Call = (typeof watched)[number] | Async | 'readdir';

interface Fault {
  call: Call | 'any';
  when(args: readonly unknown[], call: Call): boolean;
  act(real: () => unknown, args: readonly unknown[]): unknown;
  fired: number;
}

let active: Fault[] = [];

/**
 * Makes calls of `node:fs` fail until the test ends, and fails the test when the fault never fired. Put at the top of the test
 * file: `vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));`
 */
export function injectFault(call: Fault['call'], fault: Partial<Pick<Fault, 'when'>> & Pick<Fault, 'act'>): Fault {
  const added: Fault = { call, when: () => true, fired: 0, ...fault };
  active.push(added);
  onTestFinished(() => {
    active = active.filter((other) => other !== added);
    expect(added.fired, `the fault in ${call} never fired`).toBeGreaterThan(0);
  });
  return added;
}

/** Ends a fault before the test does. */
export function heal(fault: Fault): void {
  active = active.filter((other) => other !== fault);
}

/** `node:fs` with calls that faults can hit. */
export function faultyFs(real: typeof Fs): typeof Fs & { default: typeof Fs } {
  const wrapped = Object.fromEntries(watched.map((call) => [call, wrap(call, real[call] as (...args: unknown[]) => unknown)]));
  const fsync = wrapAsync('fsync', real.fsyncSync);
  const [read, write] = [wrapAsync('read', real.readSync), wrapAsync('write', real.writeSync)];
  const faulty = { ...real, ...wrapped, fsync, read, write } as typeof Fs;
  return { ...faulty, default: faulty };
}

/** The same for `node:fs/promises`, for listing directories only. */
export function faultyFsPromises(real: typeof FsPromises): typeof FsPromises & { default: typeof FsPromises } {
  const inTurn = wrap('readdir', real.readdir as (...args: unknown[]) => unknown);
  const faulty = { ...real, readdir: async (...args: unknown[]) => inTurn(...args) } as typeof FsPromises;
  return { ...faulty, default: faulty };
}

/** An error as the system reports it. */
export function systemError(code: string, message = code): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}

function wrapAsync(call: Async, real: typeof Fs.fsyncSync | typeof Fs.readSync | typeof Fs.writeSync) {
  const inTurn = wrap(call, (...args) => (real as (...all: unknown[]) => number)(...args));
  return (...args: unknown[]): void => {
    const rest = args.slice(0, -1);
    const callback = args.at(-1) as (error: unknown, bytes?: unknown) => void;
    setImmediate(async () => {
      let bytes: unknown;
      try {
        bytes = await inTurn(...rest);
      } catch (error) {
        callback(error);
        return;
      }
      callback(null, bytes);
    });
  };
}

function wrap(call: Call, original: (...args: unknown[]) => unknown) {
  return (...args: unknown[]): unknown => {
    const fault = active.find(
      (candidate) => (candidate.call === call || candidate.call === 'any') && candidate.when(args, call),
    );
    if (!fault) return original(...args);
    fault.fired += 1;
    return fault.act(() => original(...args), args);
  };
}
