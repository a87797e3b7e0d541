import { parseTrace, type Trace } from '../../src/replay/trace.ts';

/** A trace of reads a minute apart, each `name` or `name:size`; files are 100 bytes from an HDD when nothing else is said. */
export function traceOf(reads: string[], { apart = 60, tier = 'hdd', dtype = '' } = {}): Trace {
  const lines = reads.map((read, k) => {
    const [name, size = 100] = read.split(':');
    return `${k * apart},${name},${size},${tier},${dtype}`;
  });
  return parseTrace('made', ['ts,file,size,tier,dtype', ...lines].join('\n'));
}
