import { hash } from 'node:crypto';
import { z } from 'zod';
import { jsonOf } from '../../core/json.ts';

/** Maximum size of a value in Redis, bytes. */
export const mostShared = 8 * 2 ** 20;
/** The same with its head. */
export const mostFramed = mostShared + 2 ** 20;

const magic = 'ACM1';
/** Magic, total length, SHA-256 of the following bytes up to the blobs, lengths of head and text. */
const fixed = { total: 4, proof: 8, proven: 40, head: 40, text: 44, end: 48 };

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const ms = z.number().int().min(0);
const headForm = z.strictObject({
  /** A value counts only for this key, wherever it is stored. */
  ns: z.string(),
  key: hex,
  kind: z.enum(['json', 'bytes', 'files', 'doc']),
  blobs: z.array(z.strictObject({ sha256: hex, size: ms })),
  costMs: ms.nullable(),
  /** Age of the result when it was written. */
  ageMs: ms,
  /** Remaining fresh time when it was written; null = without end. */
  freshMs: ms.nullable(),
  endsMs: ms.nullable(),
  /** Time to live in Redis: the remaining time gives its age there, without a common clock. */
  keptMs: ms,
  tags: z.array(z.string()),
  deps: z.array(z.strictObject({ dep: z.string(), state: z.string() })),
  /** The marks by which it can be invalidated, with their values when it was written. */
  marks: z.record(z.string(), z.string()),
});
type Head = z.infer<typeof headForm>;

/** A result as it is transferred. */
export interface Framed {
  head: Head;
  /** Its JSON text. */
  text: string;
  /** In the order of the head. */
  blobs: Buffer[];
}

/** `foreign`: of another version of this program. */
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

/** The length in the beginning of a frame; null when it is no frame. */
export function lengthOf(beginning: Buffer): number | null {
  return beginning.length >= fixed.end && beginning.toString('latin1', 0, magic.length) === magic
    ? beginning.readUInt32BE(fixed.total)
    : null;
}

/** Parses a frame. Blobs are hashed later, when each is stored under its name. */
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
