import type { EventMap } from '../api/event-map.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { chunkSize } from '../codec/chunk-hash.ts';
import type { FarmTrust } from '../core/farm.ts';
import { type Copy, defaultTier, type Entry, type Fingerprint, type Medium, type SourceFile } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { Tier } from '../tiers/tier.ts';
import type { HostFacts, SwarmContent } from './directory.ts';
import type { FarmTraffic } from './farm.ts';
import type { FarmNote, FarmOrder } from './farm-order.ts';
import type { FarmPlace } from './farm-place.ts';
import type { FetchNote } from './fetch-parts.ts';
import { Giving } from './giving.ts';
import { leastShared } from './least-shared.ts';
import type { OwnCopy } from './listener-messages.ts';
import { rendezvous } from './rendezvous.ts';

export interface TrafficParts {
  place: FarmPlace;
  /** Runs that the whole farm reads at once from one origin. */
  slots: Readonly<Record<Medium, number>>;
  /** The hosts whose statements about a content are believed. */
  trust: FarmTrust;
  /** Maximum size of a file shared through the farm's Redis, bytes; 0 = none is. */
  small: number;
  /** Address for other hosts to read from; null = this host only takes. */
  listen: { host: string; port: number } | null;
  /** URL at which they reach a listener on this port. */
  urlOf(port: number): Promise<string>;
  /** Maximum bytes per second to other hosts; null = no limit. */
  upload(): number | null;
  /** Bytes per second at which this host reads from a root; null = not measured. */
  speedOf(root: string): number | null;
  /** Copies of a content that the farm keeps while others can leave. */
  keep(): number;
  /** Environment of the process that gives; undefined = this one's. */
  environment: NodeJS.ProcessEnv | undefined;
  catalog: Pick<Catalog, 'entries' | 'copies' | 'contents' | 'farmContents' | 'published' | 'write'>;
  tier: Pick<Tier, 'manifestPathOf'>;
  /** Counts reported figures. */
  counts: {
    add(what: 'originBytes' | 'receivedBytes' | 'givenBytes', bytes: number): void;
    claim(outcome: 'claimed' | 'none' | 'full'): void;
    peerError(why: 'silent' | 'lied' | 'refused' | 'gone'): void;
  };
  events: Events;
  log: Log;
}

/** A content that is on this host, or on its way. */
interface Own {
  /** Path of the source. */
  path: string;
  content: SwarmContent;
  size: number;
  /** Chunks. */
  has: number;
}

/** Assumed speed at which a program loads from the SSD, bytes per second, and maximum time for which its load is favoured, ms. */
const loadSpeed = 1e9;
const longestLoad = 10_000;

const leaving: readonly (keyof EventMap)[] = ['entry-evicted', 'copy-stale', 'copy-damaged'];

/** This host's exchange with the others: keeps the process that gives in step with the copies on this host. */
export class Traffic implements FarmTraffic, Disposable {
  readonly #parts: TrafficParts;
  readonly #unsubscribe: () => void;
  /** Contents by the path of their copy. */
  readonly #own = new Map<string, Own>();
  readonly #giving: Giving | null;
  /** Runs while a program loads a copy. */
  #loads: NodeJS.Timeout | undefined;
  url: string | null = null;
  /** Content -> the other hosts that have something of it. */
  readonly #others = new Map<string, string[]>();
  /** The last known live hosts. */
  hosts: () => readonly Pick<HostFacts, 'host' | 'weight' | 'url' | 'wire'>[] = () => [];

  constructor(parts: TrafficParts) {
    this.#parts = parts;
    const { place, listen, environment, counts, log } = parts;
    this.#giving =
      listen &&
      new Giving({
        ...{ place, listen, environment, log },
        copies: () => this.#copies(),
        onNamed: (copy, id) => this.#named(copy, id),
        onListening: (port) => this.#listening(port),
        onOthers: (id, hosts) => this.#others.set(id, hosts),
        onGiven: (bytes) => counts.add('givenBytes', bytes),
      });
    this.#unsubscribe = parts.events.subscribe((name, event) => {
      if (name === 'job-done') this.#done(event as EventMap['job-done']);
      else if (leaving.includes(name)) this.#look((event as { path: string }).path);
    });
  }

  /** Begins to give. @throws CacheError BAD_CONFIG when the address cannot be had */
  async begin(): Promise<void> {
    this.reconsider();
    await this.#giving?.begin();
  }

  /** To be called after a change of a setting. */
  reconsider(): void {
    this.#giving?.pace(this.#parts.upload(), this.#loads !== undefined);
  }

  /** Notes that a program is about to load the copy of this source: until it is done, other hosts must come later. */
  loading(path: string): void {
    if (this.#giving) setImmediate(() => this.#loading(path));
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    clearTimeout(this.#loads);
    this.#giving?.[Symbol.dispose]();
  }

  /** Contents on this host, and on their way; the latest first. */
  contents(): Own[] {
    return [...this.#own.values()].reverse();
  }

  /** The content of a source and its chunks on this host; null when the farm knows no name for it. Reads no source. */
  async contentOf(path: string): Promise<Own | null> {
    const here = [...this.#own.values()].find((own) => own.path === path);
    const entry = this.#parts.catalog.entries.byPath(path);
    if (here || !entry) return here ?? null;
    const known = this.#parts.catalog.farmContents.of(entry.id, entry.fingerprint);
    return known && { path, content: contentOf(known.id, entry.fingerprint.size), size: entry.fingerprint.size, has: 0 };
  }

  /** The farm's part in a copy of this source; null = none. */
  orderFor({ fingerprint, root }: SourceFile, medium: Medium): FarmOrder | null {
    const { place, slots, trust, small, speedOf } = this.#parts;
    if (!this.#isShared(fingerprint)) return null;
    const originSpeed = medium === 's3' ? null : speedOf(root);
    const hosts = this.hosts().map(({ host, url, wire }) => ({ host, url, wire }));
    return { place, hosts, slots: slots[medium], trust, small, originSpeed, priority: 'background', away: null };
  }

  /** Whether other hosts are alive now. */
  get hasOthers(): boolean {
    return this.hosts().length > 1;
  }

  /** Facts of a source's content with which other hosts can give it without the source; null = too few are known. */
  heldByOthers(path: string): { fingerprint: Fingerprint; content: string; hash: string } | null {
    const { catalog } = this.#parts;
    const entry = catalog.entries.byPath(path);
    if (!entry || !this.#isShared(entry.fingerprint)) return null;
    const known = catalog.farmContents.of(entry.id, entry.fingerprint);
    const [hash] = catalog.contents.ofEntry(entry.id)?.split(' ') ?? [];
    return known && hash !== undefined ? { fingerprint: entry.fingerprint, content: known.id, hash } : null;
  }

  /**
   * Whether this copy is one of those that the farm keeps: the hosts that have one agree without communication on which of them these are.
   * A host that is alone keeps none before another.
   */
  spares(copyPath: string): boolean {
    const { keep, place } = this.#parts;
    const own = this.#own.get(copyPath);
    const live = this.hosts();
    if (own === undefined || live.length < 2) return false;
    const having = [place.host, ...(this.#others.get(own.content.id) ?? [])];
    const holders = live.map(({ host, weight }) => ({ id: host, weight })).filter(({ id }) => having.includes(id));
    return rendezvous(own.content.id, holders).slice(0, keep()).includes(place.host);
  }

  /** Resolves when others can read the content of the note. */
  async note({ file, path }: { file: SourceFile; path: string }, note: FarmNote): Promise<void> {
    const { log } = this.#parts;
    if (note.is === 'begun') {
      const { content, temp, size, hashes } = note;
      this.#own.set(path, { path: file.path, content, size, has: hashes.size });
      await this.#giving?.start({ id: content.id, chunks: content.chunks, size, temp, path, hashes });
    } else if (note.is === 'gained') {
      const own = this.#own.get(path);
      if (own === undefined) return;
      own.has++;
      await this.#giving?.gained(own.content.id, note);
    } else if (note.is === 'split') {
      log.warn(
        { path: file.path, why: note.why },
        'other hosts have other bytes under its name: the source is read without them',
      );
      this.failed({ path });
    } else this.#count(note, file);
  }

  /** A copy failed: its chunks are not given any more. */
  failed({ path }: { path: string }): void {
    const own = this.#own.get(path);
    if (own === undefined) return;
    this.#own.delete(path);
    this.#giving?.withdraw(own.content.id, path);
  }

  #isShared({ size }: Pick<Fingerprint, 'size'>): boolean {
    return size >= leastShared || (size > 0 && size <= this.#parts.small);
  }

  /** All finished copies that others may read. */
  *#copies(): Iterable<OwnCopy> {
    const { catalog } = this.#parts;
    for (const copy of [...catalog.copies.each({ tier: defaultTier, state: 'ready' })]) {
      const entry = catalog.entries.byId(copy.entryId);
      const own = entry && this.#ownCopy(copy, entry);
      if (own) yield own;
    }
  }

  /** Records the name that was found for a copy's content. */
  #named({ path }: OwnCopy, id: string): void {
    const { catalog, log } = this.#parts;
    const copy = catalog.copies.byPath(path);
    const entry = copy?.state === 'ready' ? catalog.entries.byId(copy.entryId) : undefined;
    if (!copy || !entry) return;
    const { size } = copy.source;
    const content = contentOf(id, size);
    this.#own.delete(path);
    this.#own.set(path, { path: entry.path, content, size, has: content.chunks });
    if (catalog.farmContents.of(entry.id, copy.source)?.id === id) return;
    catalog
      .write(() => catalog.farmContents.save(entry.id, copy.source, id, null))
      .catch((err: unknown) => log.warn({ err, path }, 'the name of a content in the farm was not kept'));
  }

  #loading(path: string): void {
    const size = this.#parts.catalog.entries.byPath(path)?.fingerprint.size ?? 0;
    clearTimeout(this.#loads);
    const end = () => {
      this.#loads = undefined;
      this.reconsider();
    };
    this.#loads = setTimeout(end, Math.min(longestLoad, (size / loadSpeed) * 1000)).unref();
    this.reconsider();
  }

  async #listening(port: number): Promise<void> {
    this.url = await this.#parts.urlOf(port);
  }

  #done({ path, tier }: EventMap['job-done']): void {
    if (tier !== defaultTier) return;
    const { catalog } = this.#parts;
    const entry = catalog.entries.byPath(path);
    for (const copy of entry ? catalog.copies.readyOf(entry.id) : []) {
      const own = entry && this.#ownCopy(copy, entry);
      if (own) void this.#giving?.finish(own);
    }
    this.#look(path);
  }

  /** Ends the giving of copies of a source that have left. */
  #look(source: string): void {
    const { catalog } = this.#parts;
    for (const [path, own] of this.#own) {
      if (own.path === source && own.has === own.content.chunks && catalog.copies.byPath(path)?.state !== 'ready')
        this.failed({ path });
    }
  }

  #ownCopy({ tier, form, path, seal, source }: Copy, entry: Entry): OwnCopy | null {
    const { catalog } = this.#parts;
    if (tier !== defaultTier || form !== 'plain' || !seal || source.size < leastShared) return null;
    const known = catalog.farmContents.of(entry.id, source);
    const published = catalog.published.of(entry.id);
    return {
      path,
      manifestPath: this.#parts.tier.manifestPathOf(path),
      size: source.size,
      seal,
      source,
      id: known?.id ?? null,
      published: published?.same ? published.sha256 : null,
    };
  }

  #count(note: FetchNote, { path }: SourceFile): void {
    const { counts, events, log } = this.#parts;
    if (note.is === 'claim') counts.claim(note.outcome);
    else if (note.is === 'bytes') counts.add(note.from === 'origin' ? 'originBytes' : 'receivedBytes', note.bytes);
    else if (note.how !== 'served') {
      counts.peerError(note.how);
      if (note.how !== 'lied') return;
      log.warn({ host: note.host, path }, 'a host of the farm sent wrong bytes: it is left out for a while');
      events.emit('farm-trouble', { code: 'PEER_WRONG_BYTES', host: note.host, path, why: null });
    }
  }
}

function contentOf(id: string, size: number): SwarmContent {
  return { id, chunks: Math.ceil(size / chunkSize), origin: '', slots: 0 };
}
