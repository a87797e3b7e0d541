import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BaseFile } from '../../src/codec/base-file.ts';
import { type BaseTrial, chooseBases } from '../../src/codec/choose-bases.ts';
import { decodeFile } from '../../src/codec/decode.ts';
import { encodeFile } from '../../src/codec/encode.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A folder of compressed files. */
export class CompressedTier {
  readonly dir = tempDir();

  constructor() {
    mkdirSync(join(this.dir, 'files'));
  }

  path(name: string): string {
    return join(this.dir, 'files', `${name}.zst`);
  }

  /** @returns bytes of the compressed form, and how its bases were chosen */
  async compress(name: string, original: Uint8Array, bases: string[] = []): Promise<{ bytes: number; trial: BaseTrial }> {
    const source = join(this.dir, name);
    writeFileSync(source, original);
    const [from, to] = [openSync(source, 'r'), openSync(this.path(name), 'w')];
    const files = bases.map((base) => new BaseFile(this.path(base), `files/${base}.zst`));
    try {
      const trial = await chooseBases(from, original.length, files);
      await encodeFile(from, to, { bases: trial.bases });
      return { bytes: statSync(this.path(name)).size, trial };
    } finally {
      for (const file of files) file[Symbol.dispose]();
      for (const fd of [from, to]) closeSync(fd);
    }
  }

  async restore(name: string): Promise<Buffer> {
    const path = this.path(name);
    const to = join(this.dir, `${name}.restored`);
    const [source, target] = [openSync(path, 'r'), openSync(to, 'w')];
    try {
      await decodeFile(source, target, { path });
    } finally {
      for (const fd of [source, target]) closeSync(fd);
    }
    return readFileSync(to);
  }
}
