import type { RemoteHeaderAnswer } from '../api/remotes.ts';
import { CacheError } from '../core/errors.ts';
import type { SourceFile, SourceState } from '../core/types.ts';
import { InFlight } from '../runtime/in-flight.ts';
import { parseJsonObject } from '../weights/bounded-json.ts';
import { parseSafetensors, safetensorsJsonSize } from '../weights/safetensors.ts';

interface Located extends Omit<SourceFile, 'fingerprint'> {
  medium: 'hdd' | 'nas' | 's3' | 'ssd';
  isRemote?: boolean;
}

interface Sources {
  locate(path: string): Located | null;
  stat(located: Located, askedBy: 'command'): Promise<SourceState>;
  /** The first bytes of a source. @throws CacheError */
  head(file: SourceFile, bytes: number): Promise<Uint8Array>;
}

/** Maximum number of kept headers. */
const mostKept = 200;
/** Bytes of the first request: most headers fit into it. */
const firstBytes = 256 * 1024;

/** The true headers of files on remotes, read once and kept, since their placeholders have none. */
export class RemoteHeaders {
  readonly #sources: Sources;
  readonly #kept = new Map<string, RemoteHeaderAnswer>();
  readonly #reading = new InFlight<string, RemoteHeaderAnswer>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** @throws CacheError NOT_FOUND, CORRUPT for no safetensors file, and as reading does */
  async of(path: string): Promise<RemoteHeaderAnswer> {
    const located = this.#sources.locate(path);
    if (!located?.isRemote) throw new CacheError('NOT_FOUND', `${path} is no file of a remote`);
    const state = await this.#sources.stat(located, 'command');
    if ('why' in state) throw new CacheError('SOURCE_AWAY', state.why);
    if (state.state === 'missing') throw new CacheError('NOT_FOUND', `there is no ${path}`);
    const { fingerprint } = state;
    const key = `${located.path} ${fingerprint.size} ${fingerprint.mtimeNs}`;
    const kept = this.#kept.get(key);
    if (kept) return kept;
    return this.#reading.run(key, async () => {
      const answer = await this.#read({ ...located, fingerprint });
      this.#kept.set(key, answer);
      for (const oldest of this.#kept.keys()) if (this.#kept.size > mostKept) this.#kept.delete(oldest);
      return answer;
    });
  }

  async #read(file: SourceFile): Promise<RemoteHeaderAnswer> {
    const { size } = file.fingerprint;
    const start = await this.#sources.head(file, Math.min(firstBytes, size));
    const jsonSize = safetensorsJsonSize(start, size);
    if (jsonSize === null) throw new CacheError('CORRUPT', `${file.path} does not begin as a safetensors file`);
    const whole = start.length >= 8 + jsonSize ? start : await this.#sources.head(file, 8 + jsonSize);
    parseSafetensors(whole, size);
    return { path: file.path, size, header: parseJsonObject(whole.subarray(8, 8 + jsonSize), 'the safetensors header') };
  }
}
