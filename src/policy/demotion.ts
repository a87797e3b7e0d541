/**
 * When copies are compressed, and which may be. Compressing begins when there is no more room than for so many copies like the one
 * that is next: one that somebody asks for meanwhile, and the compressed form beside its original.
 */
const copiesOfRoom = 2;
/** Where fewer copies like it fill the limit, that room is worth more than what compressing saves. */
const copiesInLimit = 8;
/** Share of the limit that compressed copies may take: what is used again and again is to stay as it is. */
const coldShare = 0.5;

/** Share of its size that a compressed file usually takes, with some to spare. */
const usualForm = 0.7;

/** Bytes under one limit: all of them, and those of compressed copies among them. */
export interface Fill {
  limit: number;
  used: number;
  cold: number;
}

/** Whether the next copy of so many bytes is to be compressed now. */
export function isShort(bytes: number, { limit, used }: Fill): boolean {
  return used + copiesOfRoom * bytes > limit;
}

/** Bytes that compressing a copy of so many needs beside it, as a rule: most weights come to two thirds. */
export function workingRoom(bytes: number): number {
  return Math.floor(usualForm * bytes);
}

/** Whether a copy may be compressed at all. @param compressed the most that it may take then */
export function mayBeCompressed(bytes: number, compressed: number, { limit, cold }: Fill): boolean {
  return cold + compressed <= coldShare * limit && bytes * copiesInLimit <= limit;
}
