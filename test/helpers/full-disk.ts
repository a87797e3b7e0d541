import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../src/runtime/errnos.ts';

const mib = 2 ** 20;

/** Fills the disk of a directory. @returns the blocks that are free after that */
export function fillDisk(dir: string): number {
  for (let block = mib; block >= 512; block /= 2) {
    for (let number = 0; ; number += 1) {
      try {
        writeFileSync(join(dir, `fill-${block}-${number}`), Buffer.alloc(block, 1));
      } catch {
        rmSync(join(dir, `fill-${block}-${number}`), { force: true });
        break;
      }
    }
  }
  return statfsSync(dir).bavail;
}

/** Makes empty files until the disk has room for no more. @returns how many there is room for after that */
export function fillWithFiles(dir: string): number {
  for (let number = 0; ; number += 1) {
    try {
      writeFileSync(join(dir, `empty-${number}`), '', { flag: 'wx' });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') return statfsSync(dir).ffree;
    }
  }
}
