import { CacheError, messageOf } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';
import { packageModule } from '../runtime/package.ts';
import { type Peer, startPeer } from '../runtime/peer.ts';
import type { FarmPlace } from './farm-place.ts';
import type { ListenerProcess, ListenerWatcher, OwnCopy } from './listener-messages.ts';
import type { GainedChunk, UnfinishedFile } from './shared-files.ts';

export interface GivingParts {
  place: FarmPlace;
  listen: { host: string; port: number };
  /** Environment of the process; undefined = this one's. */
  environment: NodeJS.ProcessEnv | undefined;
  /** Finished copies to give, whenever the process begins. */
  copies(): Iterable<OwnCopy>;
  /** Called with the name of each finished copy's content. */
  onNamed(copy: OwnCopy, id: string): void;
  /** Called with the port that is listened on. */
  onListening(port: number): Promise<void>;
  onGiven(bytes: number): void;
  onOthers(id: string, hosts: string[]): void;
  log: Log;
}

/** Pause before a process that ended is started again, ms. */
const restartMs = 5000;
/** Pause between two batches of copies that are reported at the start, ms. */
const pauseMs = 5;

/** The process that gives chunks to other hosts: started with the daemon, and again when it ends. */
export class Giving implements Disposable {
  readonly #parts: GivingParts;
  #peer: Peer<ListenerProcess> | null = null;
  #pace: [number | null, boolean] = [null, false];
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(parts: GivingParts) {
    this.#parts = parts;
  }

  /** @throws CacheError BAD_CONFIG when the address cannot be had */
  async begin(): Promise<void> {
    const { place, listen, environment, onGiven, onOthers, onListening } = this.#parts;
    const watcher: ListenerWatcher = { given: onGiven, others: onOthers };
    const peer = startPeer<ListenerProcess, ListenerWatcher>(packageModule('farm/listener'), 'process', {
      functions: watcher,
      env: environment,
      unref: true,
      onExit: (how) => this.#endedBy(peer, how),
    });
    this.#peer = peer;
    await onListening(await peer.call.listen(place, listen));
    peer.tell.pace(...this.#pace);
    void this.#tellAll(peer);
  }

  /** Resolves when others can read its present chunks. */
  async start(file: UnfinishedFile): Promise<void> {
    await this.#peer?.call.begin(file).catch(() => {});
  }

  async gained(id: string, chunk: GainedChunk): Promise<void> {
    await this.#peer?.call.gained(id, chunk).catch(() => {});
  }

  async finish(copy: OwnCopy): Promise<void> {
    const id = await this.#peer?.call.finish(copy).catch(() => null);
    if (id) this.#parts.onNamed(copy, id);
  }

  withdraw(id: string, path: string): void {
    this.#peer?.tell.withdraw(id, path);
  }

  /** @param rate maximum bytes per second, null = no limit  @param busy whether others should come again later */
  pace(rate: number | null, busy: boolean): void {
    this.#pace = [rate, busy];
    this.#peer?.tell.pace(rate, busy);
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#peer?.kill(new CacheError('CANCELLED', 'the daemon is stopping'));
    this.#peer = null;
  }

  async #tellAll(peer: Peer<ListenerProcess>): Promise<void> {
    for (const copy of this.#parts.copies()) {
      if (this.#peer !== peer) return;
      await this.finish(copy);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  #endedBy(peer: Peer<ListenerProcess>, how: string): void {
    if (this.#ended || this.#peer !== peer) return;
    this.#peer = null;
    this.#parts.log.warn({ how }, 'the process that gives copies to other hosts has ended, and is started again');
    this.#timer = setTimeout(() => {
      this.begin().catch((error: unknown) =>
        this.#parts.log.warn({ why: messageOf(error) }, 'other hosts get nothing from this one'),
      );
    }, restartMs).unref();
  }
}
