import { CacheError } from '../core/errors.ts';
import { maxJsonBytes } from '../weights/bounded-json.ts';
import type { Step, VariantPlan } from './plan.ts';
import { figuresLength, reportKey, type VariantReport, writeReport } from './report.ts';

/** A tensor of a variant, with its place after the header. */
export interface Placed {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

/** Alignment of tensors, bytes: loaders map them as numbers of up to eight bytes. */
export const alignment = 8;
/** Maximum length of an entry without its name and shape, of a tensor or of the report. */
const entryLength = 96;
const otherLength = 1024;
const granule = 512;

/**
 * Room for the header, bytes. The header holds results of the work and is written last, but the tensors begin after it: so it gets the
 * room of the longest possible one, filled with spaces.
 * @throws CacheError TOO_LARGE
 */
export function headerRoom({ steps }: VariantPlan, metadata: Record<string, string>): number {
  const room = steps.reduce((sum, step) => sum + mostText(step), JSON.stringify(metadata).length * 2 + otherLength);
  if (room > maxJsonBytes) throw new CacheError('TOO_LARGE', 'its header would be larger than 16 MiB');
  return Math.ceil((room + 8) / granule) * granule;
}

/** Maximum length of a tensor's text in the header, bytes. */
function mostText({ how, tensor: { name, shape, dtype } }: Step): number {
  if (how === 'drop') return 0;
  const entry = Buffer.byteLength(JSON.stringify(name) + JSON.stringify(shape) + dtype) + entryLength;
  // The report is a text within a text.
  const line = Buffer.byteLength(JSON.stringify(JSON.stringify(name))) + figuresLength;
  if (how === 'keep') return entry;
  // With a scale and a note a layer is three tensors.
  return how === 'sixteen' ? entry + line : 3 * entry + line;
}

/** The header, `room` bytes long. @param metadata the source's */
export function writeHeader(
  room: number,
  { tensors, metadata, report }: { tensors: readonly Placed[]; metadata: Record<string, string>; report: VariantReport },
): Buffer {
  const entries = tensors.map(({ name, dtype, shape, begin, end }) => [name, { dtype, shape, data_offsets: [begin, end] }]);
  const all = Object.fromEntries([['__metadata__', { ...metadata, [reportKey]: writeReport(report) }], ...entries]);
  const json = Buffer.from(JSON.stringify(all));
  if (json.length > room - 8) throw new Error(`a header of ${json.length} bytes does not fit into ${room}`);
  const header = Buffer.alloc(room, ' ');
  header.writeBigUInt64LE(BigInt(room - 8), 0);
  json.copy(header, 8);
  return header;
}
