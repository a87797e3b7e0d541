import { z } from 'zod';
import { CacheError, messageOf } from '../core/errors.ts';

/** An upper bound for any schedule on a trace, with a cache of this size for each host. */
export interface Bound {
  /** The size as a share of all bytes read, before it was fitted to usual disks. */
  share: number;
  /** Bytes. */
  capacity: number;
  /** Seconds saved. */
  upperSeconds: number;
}

const shape = z.array(
  z.object({
    trace: z.string(),
    bounds: z.array(z.object({ share: z.number(), capacityBytesPerNode: z.number(), upperSeconds: z.number().positive() })),
  }),
);

/** The bounds of traces by their names, from a `bounds.json`. @throws CacheError BAD_REQUEST */
export function parseBounds(name: string, text: string): Map<string, Bound[]> {
  try {
    const all = shape.parse(JSON.parse(text));
    return new Map(
      all.map(({ trace, bounds }) => [
        trace,
        bounds.map(({ share, capacityBytesPerNode: capacity, upperSeconds }) => ({ share, capacity, upperSeconds })),
      ]),
    );
  } catch (error) {
    const why = error instanceof z.ZodError ? error.issues[0]?.message : messageOf(error);
    throw new CacheError('BAD_REQUEST', `${name} holds no bounds: ${why}`);
  }
}
