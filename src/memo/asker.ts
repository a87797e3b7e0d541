import type { Socket } from 'node:net';
import { processAt } from '../runtime/processes.ts';

/** Whether a program is still there. */
export interface Presence {
  /** Calls back once when it is gone, unless the returned function is called before. */
  onGone(gone: () => void): () => void;
}

/** A program that asks for a key. */
export interface Asker {
  /** The pid of the program, if known. */
  pid: number | null;
  leaseMs: number;
  /** Present while it waits for an answer. */
  waits: Presence;
  /** Present while it computes. */
  holds: Presence;
}

/** Interval between two checks of a named process, ms. */
const lookMs = 1000;
/** Time from the last closed connection of an ending process to its end, ms. */
const endingMs = 50;

/** Lease of the daemon's own computations, which end by themselves and not with their lease, ms. */
const ownLeaseMs = 24 * 3600_000;

/** A part of the daemon, which releases its leases; it waits until the signal. */
export function askerUntil(signal: AbortSignal): Asker {
  return { pid: null, leaseMs: ownLeaseMs, waits: untilAborted(signal), holds: always };
}

export const always: Presence = { onGone: () => () => {} };

function untilAborted(signal: AbortSignal): Presence {
  return {
    onGone(gone) {
      if (signal.aborted) setImmediate(gone);
      else signal.addEventListener('abort', gone, { once: true });
      return () => signal.removeEventListener('abort', gone);
    },
  };
}

export function askerOn(socket: Socket, { pid, leaseMs }: { pid: number | null; leaseMs: number }): Asker {
  return { pid, leaseMs, waits: connection(socket, 0), holds: holderOn(socket, { pid, leaseMs }) };
}

/**
 * A holder with a known process is gone when that has ended, which is checked when its connection closes. An unknown process has only
 * its connection, and programs close idle ones: it is gone when it has not renewed within half its lease after the close.
 */
export function holderOn(socket: Socket, { pid, leaseMs }: { pid: number | null; leaseMs: number }): Presence {
  const process = pid === null ? null : processAt(pid);
  return pid === null || process === null ? connection(socket, leaseMs / 2) : processOn(socket, pid, process);
}

/** @param graceMs time from the close of the connection until it counts as gone */
function connection(socket: Socket, graceMs: number): Presence {
  return {
    onGone(gone) {
      let timer: NodeJS.Timeout | undefined;
      const unwatch = onClose(socket, () => {
        timer = setTimeout(gone, graceMs).unref();
      });
      return () => {
        unwatch();
        clearTimeout(timer);
      };
    },
  };
}

function processOn(socket: Socket, pid: number, process: string): Presence {
  return {
    onGone(gone) {
      let ending: NodeJS.Timeout | undefined;
      const end = () => {
        unwatch();
        clearInterval(looking);
        clearTimeout(ending);
      };
      const look = () => {
        if (processAt(pid) === process) return;
        end();
        gone();
      };
      const looking = setInterval(look, lookMs).unref();
      const unwatch = onClose(socket, () => {
        ending = setTimeout(look, endingMs).unref();
      });
      return end;
    },
  };
}

function onClose(socket: Socket, closed: () => void): () => void {
  if (socket.destroyed) setImmediate(closed);
  else socket.once('close', closed);
  return () => void socket.off('close', closed);
}
