import { standardCategories } from '../comfyui/categories.ts';
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
  /** Element type of its weights as in safetensors, in lower case; null = unknown. */
  dtype: string | null;
  /** Its size over that of its compressed copy; left out = unknown. */
  ratio?: number;
  /** ComfyUI's category of the file; null = unknown. */
  category: string | null;
  /** The prompt that reads it, if known. */
  run?: string;
  /** Whether the program has it in memory, so that nothing is read. */
  fromMemory?: boolean;
}

/** A prompt of a trace. */
export interface Run {
  id: string;
  /** Seconds since the beginning of the trace: when it joined the queue, and its first read. */
  submitted: number;
  started: number;
  /** All files that it opens, each with the time. */
  opens: Read[];
}

/** Whether nothing ran when it joined the queue. */
export function beginsAtOnce({ submitted, started }: Run): boolean {
  return started - submitted < 1;
}

/** The reads of the hosts of one trace, each in order: every host has a cache of its own. */
export interface Trace {
  name: string;
  hosts: Read[][];
  /** Bytes of all files read. */
  footprint: number;
  /** The prompts of the hosts, in the order in which they joined the queue, if known. */
  runs?: Run[][];
  /** New files of the library, in the order of their appearance `at`, if known. */
  arrived?: readonly Read[];
}

/** Bytes per second by the trace's name for the medium of a source. */
const sourceSpeeds = new Map(Object.entries({ hdd: 150e6, nas: 110e6, nas1g: 110e6, nas10g: 1e9, s3: 100e6 }));

/**
 * Reads a trace: CSV with a title line, a line for each read. Columns `ts` (seconds), `file` and `size` (bytes) are required;
 * `tier` (medium of the source), `speed` (of the source, bytes per second), `node` (host), `dtype`, `ratio` (size over that of the
 * compressed copy), `ram_hit` (1 = came from memory, nothing was read), and `run` with `submit_ts` (the prompt, and the seconds at which
 * it joined the queue) are optional. Fields hold no commas and no quotes.
 * @throws CacheError BAD_REQUEST
 */
export function parseTrace(name: string, text: string): Trace {
  const lines = text.split(/\r?\n/);
  const columns = (lines[0] ?? '').split(',');
  for (const needed of ['ts', 'file', 'size']) {
    if (!columns.includes(needed)) throw new CacheError('BAD_REQUEST', `${name} has no column "${needed}"`);
  }
  const fieldsOf = rowReader(columns);
  const traced = new TraceBuilder();
  for (let k = 1; k < lines.length; k++) {
    if (lines[k] === '') continue;
    const row = fieldsOf((lines[k] ?? '').split(','));
    if (!row) throw new CacheError('BAD_REQUEST', `${name}, line ${k + 1}: expected numbers for ts and size, and a known tier`);
    traced.add(row);
  }
  return traced.trace(name);
}

/**
 * New files of a library during a trace, in the order of their appearance: CSV with the columns `file`, `size`, `tier` (or `speed`),
 * `birth` (seconds since the beginning of the trace; 0 for older files), and if known `kind`.
 * @throws CacheError BAD_REQUEST
 */
export function parseArrivals(name: string, text: string): Read[] {
  const [title = '', ...lines] = text.split(/\r?\n/);
  const columns = title.split(',');
  if (!columns.includes('birth')) throw new CacheError('BAD_REQUEST', `${name} has no column "birth"`);
  const asRead = rowReader(columns.map((column) => (column === 'birth' ? 'ts' : column)));
  return lines
    .flatMap((line, k) => {
      if (line === '') return [];
      const row = asRead(line.split(','));
      if (!row)
        throw new CacheError('BAD_REQUEST', `${name}, line ${k + 2}: expected numbers for birth and size, and a known tier`);
      return row.read.at > 0 ? row.read : [];
    })
    .sort(byTime);
}

/** Puts a trace together, read by read. */
export class TraceBuilder {
  readonly #hosts = new Map<string, { reads: Read[]; runs: Map<string, Run> }>();
  readonly #sizes = new Map<string, number>();
  #latest = Number.NEGATIVE_INFINITY;
  #isMixed = false;

  add({ read, node, submitted }: TracedRead): void {
    const host = this.#hosts.get(node) ?? { reads: [], runs: new Map<string, Run>() };
    this.#hosts.set(node, host);
    if (read.run !== undefined && submitted !== null) noteOpen(host.runs, read, submitted);
    if (read.at < this.#latest) this.#isMixed = true;
    this.#latest = read.at;
    if (read.fromMemory) return;
    this.#sizes.set(read.file, read.size);
    host.reads.push(read);
  }

  trace(name: string): Trace {
    const all = [...this.#hosts.values()];
    // Traces from elsewhere have their lines in any order.
    for (const { reads, runs } of this.#isMixed ? all : []) {
      reads.sort(byTime);
      for (const { opens } of runs.values()) opens.sort(byTime);
    }
    const runs = all.map(({ runs }) => [...runs.values()].sort((a, b) => a.submitted - b.submitted));
    return {
      name,
      hosts: all.map(({ reads }) => reads),
      footprint: [...this.#sizes.values()].reduce((sum, size) => sum + size, 0),
      ...(runs.some(({ length }) => length > 0) && { runs }),
    };
  }
}

/** A read with its host, and the seconds at which its prompt joined the queue; null = unknown. */
export interface TracedRead {
  read: Read;
  node: string;
  submitted: number | null;
}

function rowReader(columns: string[]): (values: string[]) => TracedRead | null {
  const index = (title: string) => columns.indexOf(title);
  const [ts, file, size, tier, node, dtype] = ['ts', 'file', 'size', 'tier', 'node', 'dtype'].map(index);
  const [ram, run, submit, speed, kind, shrinks] = ['ram_hit', 'run', 'submit_ts', 'speed', 'kind', 'ratio'].map(index);
  // All reads of a file share one string, whose hash is cached.
  const names = new Map<string, string>();
  const nameOf = (text: string) => {
    const known = names.get(text);
    if (known === undefined) names.set(text, text);
    return known ?? text;
  };
  return (values) => {
    const at = (column = -1) => values[column];
    // An empty field is no number, though it is 0 for JavaScript.
    const [seconds, bytes] = [Number(at(ts) || undefined), Number(at(size) || undefined)];
    const sourceSpeed = Number(at(speed)) || sourceSpeeds.get(at(tier) ?? 'hdd');
    if (!Number.isFinite(seconds) || !Number.isSafeInteger(bytes) || bytes < 0 || !sourceSpeed || sourceSpeed < 0) return null;
    const id = at(run) || undefined;
    const submitted = Number(at(submit) || undefined);
    const ratio = Number(at(shrinks) || undefined);
    const read: Read = {
      at: seconds,
      file: nameOf(at(file) ?? ''),
      size: bytes,
      sourceSpeed,
      dtype: at(dtype)?.toLowerCase() ?? null,
      category: categoryOf(at(kind)),
    };
    if (id !== undefined) read.run = id;
    if (ratio >= 1) read.ratio = ratio;
    if (at(ram) === '1') read.fromMemory = true;
    return { read, node: at(node) ?? '', submitted: Number.isFinite(submitted) ? submitted : null };
  };
}

const byTime = (a: Read, b: Read): number => a.at - b.at;

function noteOpen(runs: Map<string, Run>, open: Read, submitted: number): void {
  const { run: id = '', at } = open;
  const run = runs.get(id) ?? { id, submitted, started: at, opens: [] };
  runs.set(id, run);
  run.started = Math.min(run.started, at);
  run.opens.push(open);
}

/** The category of a trace's kind: ComfyUI's name, also without its last letter. */
function categoryOf(kind = ''): string | null {
  if (kind === '') return null;
  return Object.hasOwn(standardCategories, kind) || !Object.hasOwn(standardCategories, `${kind}s`) ? kind : `${kind}s`;
}
