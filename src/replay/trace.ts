import { CacheError } from '../core/errors.ts';

/** One read of a model file. */
export interface Read {
  /** Seconds since the beginning of the trace. */
  at: number;
  file: string;
  /** Bytes. */
  size: number;
  /** Bytes per second of its source. */
  sourceSpeed: number;
  /** Element type of its weights as in safetensors, in lower case; null where the trace has none. */
  dtype: string | null;
}

/** The reads of the hosts of one trace, each in order: every host has a cache of its own. */
export interface Trace {
  name: string;
  hosts: Read[][];
  /** Bytes of all files read. */
  footprint: number;
}

/** Bytes per second by the trace's name for the medium of a source. */
const sourceSpeeds: Record<string, number> = { hdd: 150e6, nas: 110e6, nas1g: 110e6, nas10g: 1e9, s3: 100e6 };

/**
 * Reads a trace: CSV with a title line, a line for each read. Columns `ts` (seconds), `file` and `size` (bytes) are required;
 * `tier` (medium of the source), `node` (host), `dtype` and `ram_hit` (1 = came from memory, nothing was read) are optional. Fields
 * hold no commas and no quotes.
 * @throws CacheError BAD_REQUEST
 */
export function parseTrace(name: string, text: string): Trace {
  const [titles = '', ...lines] = text.split(/\r?\n/).filter((line) => line !== '');
  const columns = titles.split(',');
  for (const needed of ['ts', 'file', 'size']) {
    if (!columns.includes(needed)) throw new CacheError('BAD_REQUEST', `${name} has no column "${needed}"`);
  }
  const hosts = new Map<string, Read[]>();
  const sizes = new Map<string, number>();
  for (const [k, line] of lines.entries()) {
    const values = line.split(',');
    const field = (title: string) => values[columns.indexOf(title)];
    if (field('ram_hit') === '1') continue;
    const read = readOf(field);
    if (!read)
      throw new CacheError('BAD_REQUEST', `${name}, line ${k + 2}: expected numbers for ts and size, and a known tier`);
    sizes.set(read.file, read.size);
    const host = field('node') ?? '';
    const reads = hosts.get(host) ?? [];
    reads.push(read);
    hosts.set(host, reads);
  }
  return { name, hosts: [...hosts.values()], footprint: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

function readOf(field: (title: string) => string | undefined): Read | null {
  const [at, size] = [Number(field('ts')), Number(field('size'))];
  const sourceSpeed = sourceSpeeds[field('tier') ?? 'hdd'];
  if (!Number.isFinite(at) || !Number.isSafeInteger(size) || size < 0 || !sourceSpeed) return null;
  return { at, file: field('file') ?? '', size, sourceSpeed, dtype: field('dtype')?.toLowerCase() ?? null };
}
