import type { Socket } from 'node:net';
import { processAt } from '../runtime/processes.ts';

/** Whether a program is still there. */
export interface Presence {
  /** Calls back once when it is gone, unless the returned function is called before. */
  onGone(gone: () => void): () => void;
}

/** A program that asks for a key. */
export interface Asker {
  /** Of the program, if it told. */
  pid: number | null;
  leaseMs: number;
  /** As long as it waits for an answer. */
  waits: Presence;
  /** As long as it computes. */
  holds: Presence;
}

/** How often a process that was named is looked at, ms. */
const lookMs = 1000;
/** A process that is being ended closes its connections a little before it is gone, ms. */
const endingMs = 50;

/** A computation of the daemon's own ends by itself, not with its lease, ms. */
const ownLeaseMs = 24 * 3600_000;

/** A part of the daemon, which gives back what it takes; it waits until the signal. */
export function askerUntil(signal: AbortSignal): Asker {
  return { pid: null, leaseMs: ownLeaseMs, waits: untilAborted(signal), holds: always };
}

const always: Presence = { onGone: () => () => {} };

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
 * A holder whose process is known is gone when that has ended, which is looked at when its connection closes. Of one that is not known
 * the connection is all there is: programs close idle ones, so it is gone when it has not renewed within half its lease after that.
 */
export function holderOn(socket: Socket, { pid, leaseMs }: { pid: number | null; leaseMs: number }): Presence {
  const process = pid === null ? null : processAt(pid);
  return pid === null || process === null ? connection(socket, leaseMs / 2) : processOn(socket, pid, process);
}

/** @param graceMs from its end until it counts */
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
