import { isGguf } from './gguf.ts';

/** Facts in the first keys of a GGUF file; null = absent there. */
export interface GgufFacts {
  architecture: string | null;
  /** Length of a language model's embeddings. */
  embedding: number | null;
  /** Length of the embeddings that a projector of images makes for one. */
  projection: number | null;
}

/** Size of the read, bytes: enough for the keys before the words of a tokenizer. */
export const ggufHeadBytes = 64 * 1024;

/** Bytes of a value, by its type. */
const sizes = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const [uint32, string, array, uint64] = [4, 8, 9, 10];

/** Reads the first keys of a GGUF file. @param start its first bytes @returns null when it is none */
export function readGgufFacts(start: Uint8Array): GgufFacts | null {
  if (!isGguf(start)) return null;
  const found = new Map<string, string | number>();
  try {
    readKeys(new DataView(start.buffer, start.byteOffset, start.byteLength), found);
  } catch (error) {
    // The other keys are further back in the file.
    if (!(error instanceof RangeError)) throw error;
  }
  const architecture = found.get('general.architecture');
  const length = (key: string) => {
    const value = found.get(key);
    return typeof value === 'number' ? value : null;
  };
  return {
    architecture: typeof architecture === 'string' ? architecture : null,
    embedding: length(`${architecture}.embedding_length`),
    projection: length('clip.vision.projection_dim'),
  };
}

/** Whether a projector makes image embeddings for this model. A model without a length of embeddings is no language model. */
export function fitsProjector(model: GgufFacts, projector: GgufFacts): boolean {
  if (projector.projection === null) return model.embedding !== null;
  return model.embedding === projector.projection;
}

/** @throws RangeError at the end of the bytes */
function readKeys(view: DataView, found: Map<string, string | number>): void {
  const count = view.getBigUint64(16, true);
  let at = 24;
  for (let index = 0n; index < count; index++) {
    const key = text();
    const type = number(uint32);
    const value = type === string ? text() : type === array ? skipArray() : number(type);
    if (typeof value === 'string' || Number.isSafeInteger(value)) found.set(key, value);
  }

  function text(): string {
    const length = number(uint64);
    if (at + length > view.byteLength) throw new RangeError('cut off');
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
    at += length;
    return new TextDecoder().decode(bytes);
  }

  /** The number at the cursor; NaN for a type that lengths do not have. */
  function number(type: number): number {
    const size = sizes[type];
    if (size === undefined) throw new RangeError('a type that there is not');
    const start = at;
    at += size;
    if (type === uint32) return view.getUint32(start, true);
    if (type === uint64) return Number(view.getBigUint64(start, true));
    if (at > view.byteLength) throw new RangeError('cut off');
    return Number.NaN;
  }

  function skipArray(): number {
    const type = number(uint32);
    const length = number(uint64);
    if (type === string) for (let index = 0; index < length; index++) text();
    else at += length * (sizes[type] ?? Number.POSITIVE_INFINITY);
    return Number.NaN;
  }
}
