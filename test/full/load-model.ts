import { renameSync, writeFileSync } from 'node:fs';

/** A model of the load tests is this block again and again: a file of two versions shows. */
export const blockBytes = 64;

/** Puts a version of a model in place of the one before, in one step, as downloads do. */
export function writeVersion(path: string, version: number): void {
  const blocks = 20_000 + ((version * 7919) % 40_000);
  const block = `${version}`.padStart(12, '0') + path.slice(12 - blockBytes).padStart(blockBytes - 12);
  writeFileSync(`${path}.tmp`, block.repeat(blocks));
  renameSync(`${path}.tmp`, path);
}

export function versionIn(bytes: Buffer): number {
  return Number(bytes.toString('latin1', 0, 12));
}

/** What a program that loads models has found since it told last. */
export interface Found {
  loads: number;
  /** Loads from copies. */
  hits: number;
  /** How often each reason was given; the word of the client where the daemon did not answer in time. */
  reasons: Record<string, number>;
  wrong: string[];
}
