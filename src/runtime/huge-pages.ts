import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { pageBytes } from './uncached.ts';

const hugePageBytes = 2 * 1024 * 1024;
/** Less memory gains little. */
const leastHuge = 2 * hugePageBytes;
/** What glibc keeps in front of memory that it maps by itself, bytes. */
const headerBytes = 16;

/**
 * What glibc reads before Node runs ("Memory Allocation Tunables" in its manual): two arenas that all threads share, which saves a
 * daemon some 10 MiB; huge pages, where the system leaves them to each program; and large memory mapped by itself, so that it begins
 * `headerBytes` into a page.
 */
export const mallocTunables = `glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=${leastHuge}`;

/** Executes the program again, as this very process, where glibc has not been given these. */
export function tuneMalloc(): void {
  const { argv, env, execArgv, execPath, platform } = process;
  if (platform !== 'linux' || env['GLIBC_TUNABLES'] !== undefined || process.execve === undefined) return;
  process.execve(execPath, [execPath, ...execArgv, ...argv.slice(1)], { ...env, GLIBC_TUNABLES: mallocTunables });
}

let areThere: boolean | undefined;

/**
 * Memory that begins at a page, most of it in huge pages, with any contents. Each read or write past the page cache pins the pages
 * of its memory; with small ones that takes a good part of the processor time of a copy. Null for little memory, and in a process
 * without huge pages.
 */
export function hugeMemory(bytes: number): Uint8Array | null {
  if (bytes < leastHuge) return null;
  areThere ??= process.platform === 'linux' && wereTunablesRead() && areLeftToPrograms() && isWhereExpected();
  return areThere ? allocate(bytes) : null;
}

function allocate(bytes: number): Uint8Array {
  // With its header as large as whole huge pages: then Linux lets it begin with one.
  const size = Math.ceil((bytes + 2 * pageBytes) / hugePageBytes) * hugePageBytes - pageBytes;
  const first = pageBytes - headerBytes;
  return Buffer.allocUnsafeSlow(size).subarray(first, first + bytes);
}

/** By the environment as it was when the process started. There glibc may have replaced the colons. */
const wereTunablesRead = () => contains('/proc/self/environ', `GLIBC_TUNABLES=${mallocTunables}:`);
const areLeftToPrograms = () => contains('/sys/kernel/mm/transparent_hugepage/enabled', '[madvise]');

function contains(path: string, text: string): boolean {
  try {
    return readFileSync(path, 'latin1').replaceAll('\0', ':').includes(text);
  } catch {
    return false;
  }
}

/** Finds such memory by its address: another allocator than glibc's may be loaded. False where it cannot be told. */
function isWhereExpected(): boolean {
  const mark = randomBytes(headerBytes);
  const memory = allocate(leastHuge);
  memory.set(mark);
  try {
    const own = openSync('/proc/self/mem', 'r');
    try {
      const mappings = [...readFileSync('/proc/self/maps', 'latin1').matchAll(/^([0-9a-f]+)-\S+ rw-p 0+ 00:00 0 *$/gm)];
      return mappings.some(([, start]) => isAt(own, Number.parseInt(start ?? '', 16) + pageBytes, mark));
    } finally {
      closeSync(own);
    }
  } catch {
    return false;
  }
}

function isAt(processMemory: number, address: number, mark: Buffer): boolean {
  const found = Buffer.alloc(mark.length);
  return readSync(processMemory, found, 0, found.length, address) === found.length && found.equals(mark);
}
