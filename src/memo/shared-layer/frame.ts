import { hash } from 'node:crypto';
import { z } from 'zod';
import { jsonOf } from '../../core/json.ts';

/** Most bytes of a value in Redis. */
export const mostShared = 8 * 2 ** 20;
/** The same with what is said of it. */
export const mostFramed = mostShared + 2 ** 20;

const magic = 'ACM1';
/** Magic, length of all, SHA-256 of what follows it up to the blobs, lengths of head and text. */
const fixed = { total: 4, proof: 8, proven: 40, head: 40, text: 44, end: 48 };

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const ms = z.number().int().min(0);
const headForm = z.strictObject({
  /** A value counts for this key alone, wherever it lies. */
  ns: z.string(),
  key: hex,
  kind: z.enum(['json', 'bytes', 'files', 'doc']),
  blobs: z.array(z.strictObject({ sha256: hex, size: ms })),
  costMs: ms.nullable(),
  /** Since it was computed, when it was written. */
  ageMs: ms,
  /** From then on; null = without end. */
  freshMs: ms.nullable(),
  endsMs: ms.nullable(),
  /** How long Redis was told to keep it: what is left of it tells how long it has been there, without a clock in common. */
  keptMs: ms,
  tags: z.array(z.string()),
  deps: z.array(z.strictObject({ dep: z.string(), state: z.string() })),
  /** What it is invalidated by, and the mark that each had when it was written. */
  marks: z.record(z.string(), z.string()),
});
type Head = z.infer<typeof headForm>;

/** A result as it travels. */
export interface Framed {
  head: Head;
  /** Its JSON text. */
  text: string;
  /** In the order of the head. */
  blobs: Buffer[];
}

/** `foreign`: of another version of this program, which knows what it is. */
export type Unframed = Framed | 'foreign' | 'damaged';

export function frame({ head, text, blobs }: Framed): Buffer {
  const parts = [Buffer.from(JSON.stringify(head)), Buffer.from(text)] as const;
  const prefix = Buffer.alloc(fixed.end);
  prefix.write(magic, 'latin1');
  prefix.writeUInt32BE(parts[0].length, fixed.head);
  prefix.writeUInt32BE(parts[1].length, fixed.text);
  const whole = Buffer.concat([prefix, ...parts, ...blobs]);
  whole.writeUInt32BE(whole.length, fixed.total);
  const end = fixed.end + parts[0].length + parts[1].length;
  hash('sha256', whole.subarray(fixed.proven, end), 'buffer').copy(whole, fixed.proof);
  return whole;
}

/** The length that the beginning of a frame tells; null when it is none. */
export function lengthOf(beginning: Buffer): number | null {
  return beginning.length >= fixed.end && beginning.toString('latin1', 0, magic.length) === magic
    ? beginning.readUInt32BE(fixed.total)
    : null;
}

/** Blobs are not hashed here: each is when it is stored under its name. */
export function unframe(whole: Buffer): Unframed {
  const word = whole.toString('latin1', 0, magic.length);
  if (word !== magic) return /^ACM\d$/.test(word) ? 'foreign' : 'damaged';
  if (lengthOf(whole) !== whole.length) return 'damaged';
  const headEnd = fixed.end + whole.readUInt32BE(fixed.head);
  const textEnd = headEnd + whole.readUInt32BE(fixed.text);
  const proof = whole.subarray(fixed.proof, fixed.proven);
  if (textEnd > whole.length || !hash('sha256', whole.subarray(fixed.proven, textEnd), 'buffer').equals(proof))
    return 'damaged';
  const head = headForm.safeParse(jsonOf(whole.toString('utf8', fixed.end, headEnd)));
  if (!head.success) return 'damaged';
  let at = textEnd;
  const blobs = head.data.blobs.map(({ size }) => {
    at += size;
    return whole.subarray(at - size, at);
  });
  return at === whole.length ? { head: head.data, text: whole.toString('utf8', headEnd, textEnd), blobs } : 'damaged';
}
