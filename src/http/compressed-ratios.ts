import { type FileHandle, open } from 'node:fs/promises';
import type { Catalog } from '../catalog/catalog.ts';
import { CacheError } from '../core/errors.ts';
import type { Copy } from '../core/types.ts';
import { usualRatio } from '../replay/simulate.ts';
import { Pauses } from '../runtime/pauses.ts';
import { parseSafetensors, safetensorsJsonSize } from '../weights/safetensors.ts';

/** Minimum bytes that tell whether a file is safetensors. */
const startBytes = 9;

/** Compression ratios of the models of copies. */
export class CompressedRatios {
  readonly #catalog: Pick<Catalog, 'entries' | 'copies'>;
  /** Estimated ratios of plain copies whose header was read, by content. */
  readonly #estimated = new Map<string, number>();

  constructor(catalog: Pick<Catalog, 'entries' | 'copies'>) {
    this.#catalog = catalog;
  }

  /**
   * Size over compressed size, by source: measured if it has a compressed copy, otherwise estimated from the weight types of a copy.
   * Sources are not read.
   */
  async of(paths: Iterable<string>): Promise<Map<string, number>> {
    const ratios = new Map<string, number>();
    const pauses = new Pauses();
    for (const path of paths) {
      if (pauses.isDue) await pauses.take();
      const entry = this.#catalog.entries.byPath(path);
      const copies = entry ? this.#catalog.copies.readyOf(entry.id) : [];
      const compressed = copies.find(({ form }) => form === 'compressed');
      const [plain] = copies.filter(({ form }) => form === 'plain');
      if (compressed && compressed.bytes > 0) ratios.set(path, compressed.source.size / compressed.bytes);
      else if (plain) {
        const ratio = await this.#estimate(plain);
        if (ratio !== null) ratios.set(path, ratio);
      }
    }
    return ratios;
  }

  async #estimate(copy: Copy): Promise<number | null> {
    const key = copy.hash ?? copy.path;
    const known = this.#estimated.get(key);
    if (known !== undefined) return known;
    const ratio = await ratioOf(copy);
    if (ratio !== null) this.#estimated.set(key, ratio);
    return ratio;
  }
}

/** The ratio by the types of its weights; 1 for a file that is no sound safetensors, null for an unreadable one. */
async function ratioOf({ path, source: { size } }: Copy): Promise<number | null> {
  const file = await open(path).catch(() => null);
  if (!file) return null;
  try {
    const jsonSize = safetensorsJsonSize(await startOf(file, startBytes), size);
    if (jsonSize === null) return 1;
    const { tensors, dataBegin } = parseSafetensors(await startOf(file, startBytes - 1 + jsonSize), size);
    const compressed = (sum: number, { dtype, begin, end }: (typeof tensors)[number]) =>
      sum + (end - begin) / usualRatio(dtype.toLowerCase());
    return size / tensors.reduce(compressed, dataBegin);
  } catch (error) {
    return error instanceof CacheError ? 1 : null;
  } finally {
    await file.close();
  }
}

async function startOf(file: FileHandle, bytes: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
  return buffer.subarray(0, bytesRead);
}
