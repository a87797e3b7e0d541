import { isNetworkFileSystem } from '../media/file-systems.ts';
import { isNetwork } from '../media/medium.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { Root } from './root.ts';
import { type ChannelOptions, SourceChannel } from './rpc.ts';
import { forkReader, type OpenPort, threadReader } from './transport.ts';

export interface SourcePoolOptions extends Partial<Omit<ChannelOptions, 'open'>> {
  /** How readers are started; replaced in tests. */
  openProcess?: OpenPort;
  openThread?: OpenPort;
}

type Place = Pick<Root, 'kind' | 'device' | 'fileSystem' | 'path'>;

const defaults = {
  clock: systemClock as Clock,
  stallMs: 1_000,
  hangMs: 15_000,
  mostHung: 3,
  pauseMs: { first: 1_000, longest: 60_000 },
};

/**
 * Which reader reads what is on a place: null = the thread for local disks, else the child process of that name. One process
 * a device rather than a root: ComfyUI has dozens of roots on one share, which hang together, and a process takes 45 MB.
 */
export function readerOf({ kind, device, fileSystem, path }: Place): string | null {
  return isNetwork(kind) || isNetworkFileSystem(fileSystem ?? '') ? (device ?? path) : null;
}

/** The lines to all readers, opened when first needed. */
export class SourcePool {
  #options: SourcePoolOptions;
  #channels = new Map<string | null, SourceChannel>();
  #end = () => this.close();

  constructor(options: SourcePoolOptions) {
    this.#options = options;
    // A reader that sits in a system call would not notice that its daemon is gone.
    process.once('exit', this.#end);
  }

  for(place: Place): SourceChannel {
    const reader = readerOf(place);
    const known = this.#channels.get(reader);
    if (known) return known;
    const { openProcess = forkReader(), openThread = threadReader(), ...options } = this.#options;
    const channel = new SourceChannel({ ...defaults, ...options, open: reader === null ? openThread : openProcess });
    this.#channels.set(reader, channel);
    return channel;
  }

  close(): void {
    process.off('exit', this.#end);
    for (const channel of this.#channels.values()) channel.close();
  }
}
