import { CacheError } from '../../src/core/errors.ts';
import type { Calls } from '../../src/runtime/calls.ts';
import { isThread, serveParent } from '../../src/runtime/peer.ts';

/** A module that a test starts beside itself. */
export interface Remote {
  kind(): 'thread' | 'process';
  /** Sends it back by way of `Local.double`. */
  doubled(value: bigint): Promise<bigint>;
  fail(): never;
  wrong(): never;
  /** Tells what it was told. */
  note(text: string): void;
  noted(): string[];
  hang(): never;
  never(): Promise<void>;
  exit(code: number): void;
}

export interface Local {
  double(value: bigint): bigint;
  heard(text: string): void;
}

const notes: string[] = [];

const parent: Calls<Local> = serveParent<Local, Remote>({
  kind: () => (isThread ? 'thread' : 'process'),
  doubled: (value) => parent.call.double(value),
  fail() {
    throw new CacheError('SOURCE_AWAY', 'no', { hint: 'mount it' });
  },
  wrong() {
    throw new TypeError('a fault');
  },
  note(text) {
    notes.push(text);
    parent.tell.heard(text);
  },
  noted: () => notes,
  hang() {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    throw new Error('unreachable');
  },
  never: () => new Promise(() => {}),
  exit: (code) => process.exit(code),
});
