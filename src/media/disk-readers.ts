import { readdir, readFile } from 'node:fs/promises';

/** Bytes read from disks for each process, by its number. */
export type ReadByProcess = ReadonlyMap<number, number>;

/** All other processes whose counts Linux shows: those of the same user, or all for root. Empty elsewhere. */
export async function readByOthers(proc = '/proc'): Promise<ReadByProcess> {
  const names = await readdir(proc).catch(() => []);
  const found = new Map<number, number>();
  for (const pid of names.map(Number)) {
    if (!(pid > 0) || pid === process.pid) continue;
    const io = await readFile(`${proc}/${pid}/io`, 'utf8').catch(() => '');
    const bytes = /^read_bytes: (\d+)$/m.exec(io)?.[1];
    if (bytes !== undefined) found.set(pid, Number(bytes));
  }
  return found;
}

/** The process that has read most since then, as `python3 (4711)`; null when none is known to have read. */
export async function busiestSince(before: ReadByProcess, proc = '/proc'): Promise<string | null> {
  let most = 0;
  let busiest: number | null = null;
  for (const [pid, bytes] of await readByOthers(proc)) {
    const read = bytes - (before.get(pid) ?? 0);
    if (read > most) [most, busiest] = [read, pid];
  }
  if (busiest === null) return null;
  const name = await readFile(`${proc}/${busiest}/comm`, 'utf8').catch(() => '');
  return name ? `${name.trim()} (${busiest})` : null;
}
