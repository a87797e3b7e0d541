/**
 * Compressing begins when room is left for at most this many copies of the next one's size: one for a request meanwhile, and one for the
 * compressed form beside its original.
 */
const copiesOfRoom = 2;
/** A copy larger than the limit divided by this is not compressed: the room it needs is worth more than the saving. */
const copiesInLimit = 8;
/** Maximum share of the limit for compressed copies, so that files in constant use stay plain. */
const coldShare = 0.5;

/** Usual size of a compressed file as a share of the original, with some margin. */
const usualForm = 0.7;

/** Bytes under one limit: all of them, and those of compressed copies among them. */
export interface Fill {
  limit: number;
  used: number;
  cold: number;
}

/** Whether the next copy, of this size, should be compressed now. */
export function isShort(bytes: number, { limit, used }: Fill): boolean {
  return used + copiesOfRoom * bytes > limit;
}

/** Bytes usually needed to compress a copy of this size: most weights shrink to two thirds. */
export function workingRoom(bytes: number): number {
  return Math.floor(usualForm * bytes);
}

/** Whether a copy may be compressed at all. @param compressed maximum size of its compressed form, bytes */
export function mayBeCompressed(bytes: number, compressed: number, { limit, cold }: Fill): boolean {
  return cold + compressed <= coldShare * limit && bytes * copiesInLimit <= limit;
}
