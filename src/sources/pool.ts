import { isNetworkFileSystem } from '../media/file-systems.ts';
import { isNetwork } from '../media/medium.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { packageModule } from '../runtime/package.ts';
import { type PeerKind, startPeer } from '../runtime/peer.ts';
import type { Reader, ReaderListener } from './messages.ts';
import type { Root } from './root.ts';
import { type ChannelOptions, type OpenReader, SourceChannel } from './rpc.ts';

export interface SourcePoolOptions extends Partial<Omit<ChannelOptions, 'open'>> {
  /** How readers are started; replaced in tests. */
  openProcess?: OpenReader;
  openThread?: OpenReader;
}

// A reader holds little data at a time.
const youngGenerationMb = 4;

/** The facts that decide which reader a place needs. */
export type ReaderPlace = Pick<Root, 'kind' | 'device' | 'fileSystem' | 'path'>;

const defaults = {
  clock: systemClock as Clock,
  stallMs: 1_000,
  hangMs: 15_000,
  mostHung: 3,
  pauseMs: { first: 1_000, longest: 60_000 },
};

/**
 * The reader for a place: null = the thread for local disks, else the child process of that name. One process per device, not per
 * root: ComfyUI has dozens of roots on one share, which hang together, and a process takes 45 MB.
 */
export function readerOf({ kind, device, fileSystem, path }: ReaderPlace): string | null {
  return isNetwork(kind) || isNetworkFileSystem(fileSystem ?? '') ? (device ?? path) : null;
}

/** Starts readers of this kind. A thread must not touch volumes that can hang. */
export function readerIn(kind: PeerKind, module: URL = packageModule('sources/entry')): OpenReader {
  return ({ onExit, ...options }) =>
    startPeer<Reader, ReaderListener>(module, kind, {
      ...options,
      onExit: (how) => onExit(`the reading ${kind} ended (${how})`),
      youngGenerationMb,
      unref: true,
    });
}

/** The channels to all readers, opened when first needed. */
export class SourcePool {
  #options: SourcePoolOptions;
  #channels = new Map<string | null, SourceChannel>();

  constructor(options: SourcePoolOptions) {
    this.#options = options;
  }

  for(place: ReaderPlace): SourceChannel {
    const reader = readerOf(place);
    const known = this.#channels.get(reader);
    if (known) return known;
    const { openProcess = readerIn('process'), openThread = readerIn('thread'), ...options } = this.#options;
    const channel = new SourceChannel({ ...defaults, ...options, open: reader === null ? openThread : openProcess });
    this.#channels.set(reader, channel);
    return channel;
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close();
  }
}
