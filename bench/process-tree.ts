import { readdirSync, readFileSync } from 'node:fs';

/** Linux gives times to programs in hundredths of a second. */
const ticksPerSecond = 100;

/** A process and its descendants. */
export function processesOf(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map(all.map((name) => [Number(name), statOf(name)[1]]));
  const tree = [pid];
  for (const one of tree) for (const [child, parent] of parents) if (parent === one) tree.push(child);
  return tree;
}

/** Processor time of a process, its threads and its descendants, ended ones included. */
export function cpuSeconds(pid: number): number {
  const ticks = processesOf(pid).flatMap((one) => statOf(one).slice(11, 15));
  return ticks.reduce((sum, value) => sum + value, 0) / ticksPerSecond;
}

/** Processor time of the ended children of this process, and of theirs. */
export function endedSeconds(): number {
  const [user = 0, system = 0] = statOf('self').slice(13, 15);
  return (user + system) / ticksPerSecond;
}

/** The fields behind the name: state, parent, and so on; empty for a process that has ended. */
function statOf(pid: number | string): number[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number);
  } catch {
    return [];
  }
}
