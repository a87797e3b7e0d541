import { readdir, readFile, readlink } from 'node:fs/promises';
import { join, sep } from 'node:path';

/**
 * Files below `dir` that some process has mapped or open (law 8). Only Linux reports them. Elsewhere the set is empty, and the
 * removal itself fails because the system refuses it. Processes of other users are not seen.
 */
export async function filesInUse(dir: string, proc = '/proc'): Promise<Set<string>> {
  const inUse = new Set<string>();
  if (process.platform !== 'linux') return inUse;
  const pids = (await readdir(proc).catch(() => [])).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  await Promise.all(
    pids.map(async (pid) => {
      for (const path of [...(await mapped(join(proc, pid), dir)), ...(await open(join(proc, pid)))]) {
        if (path.startsWith(dir + sep)) inUse.add(path);
      }
    }),
  );
  return inUse;
}

/** @param dir the thousands of lines of a program without a file below it are skipped */
async function mapped(process: string, dir: string): Promise<string[]> {
  const maps = await readFile(join(process, 'maps'), 'utf8').catch(() => '');
  if (!maps.includes(dir.replaceAll('\n', '\\012'))) return [];
  return maps.split('\n').flatMap((line) => {
    const start = line.indexOf('/');
    // The kernel writes a newline in a name as \012.
    return start < 0 ? [] : [line.slice(start).replaceAll('\\012', '\n')];
  });
}

async function open(process: string): Promise<string[]> {
  const fds = await readdir(join(process, 'fd')).catch(() => []);
  return Promise.all(fds.map((fd) => readlink(join(process, 'fd', fd)).catch(() => '')));
}
