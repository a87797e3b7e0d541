import { readFileSync, readlinkSync } from 'node:fs';

/**
 * The unique name of a process: its kernel's boot id, its pid namespace (a container has its own), and its start, as
 * `boot/namespace/start`. On systems other than Linux programs generate a name of that form.
 */
export const processForm = /^[\w-]{1,64}\/[\w-]{1,64}\/[\w-]{1,64}$/;

/** The first two parts for visible processes; null when the system does not report them. */
const here = readHere();

/** The process that has this pid here now; null when unknown, and for one that has ended. */
export function processAt(pid: number): string | null {
  const start = here === null ? null : startOf(pid);
  return start === null ? null : `${here}/${start}`;
}

/** Minimum time until a pid is reused, ms. */
const recentMs = 1000;
const recent = new Map<number, { process: string | null; until: number }>();
const mostRecent = 256;

/** The same for one that was alive within the last second: a program asks many times in that time. */
export function recentProcessAt(pid: number): string | null {
  const now = performance.now();
  const known = recent.get(pid);
  if (known && now < known.until) return known.process;
  if (recent.size >= mostRecent) recent.clear();
  const process = processAt(pid);
  recent.set(pid, { process, until: now + recentMs });
  return process;
}

/** Whether this program can detect the end of that process: it runs under this kernel and in this pid namespace. */
export function isSeenFromHere(process: string): boolean {
  return here !== null && process.startsWith(`${here}/`);
}

function readHere(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0];
    return boot && namespace ? `${boot}/${namespace}` : null;
  } catch {
    return null;
  }
}

/** Whether a process has ended, and its parent has not noticed yet, as in containers: the system still knows its pid. */
export function isZombie(pid: number): boolean {
  return isEnded(statOf(pid));
}

function isEnded(fields: string[] | null): boolean {
  return fields?.[0] === 'Z' || fields?.[0] === 'X';
}

/** Start of a process in ticks since the boot; null when it does not exist or has ended. */
function startOf(pid: number): string | null {
  const fields = statOf(pid);
  return isEnded(fields) ? null : (fields?.[19] ?? null);
}

/** The fields after the name of the program; null when they cannot be read. */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name is in parentheses and may contain some itself (proc(5)).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
