import { randomUUID } from 'node:crypto';
import type { RedisLink } from '../redis/link.ts';
import { ChunkSet } from './chunk-set.ts';
import {
  announcementLease,
  byName,
  type Claim,
  type ClaimAnswer,
  type Directory,
  type HostFacts,
  letterMs,
  mostHolders,
  mostLetters,
  type ReadAnswer,
  type SwarmContent,
  type SwarmEntry,
  type SwarmEvent,
  type SwarmState,
} from './directory.ts';
import * as scripts from './directory-scripts.ts';
import { hostFactsOf } from './host-facts.ts';

/** Timeout of Redis, ms; without an answer, it is away for this request. */
const usualDeadline = 250;
/** Bytes of a hash. */
const hashBytes = 32;
const noEvent = '0-0';

/** The directory of a farm in Redis or Valkey: single, Sentinel, Cluster. Farms of several names may share one. */
export class RedisDirectory implements Directory {
  readonly #ask: Ask;
  readonly #farm: string;

  constructor(link: Pick<RedisLink, 'ask'>, farm: string, deadline = usualDeadline) {
    this.#ask = (script, keys, args) => link.ask((redis) => redis.eval(script, keys, args), deadline);
    this.#farm = farm;
  }

  join(content: SwarmContent, host: string): SwarmEntry {
    return new RedisEntry(this.#ask, this.#farm, content, host);
  }

  async beat(facts: HostFacts): Promise<string[]> {
    const keys = [...this.#hostKeys, this.#lettersKey(facts.host)];
    const letters = await this.#ask(scripts.beatScript, keys, [facts.host, JSON.stringify(facts), String(announcementLease)]);
    return (letters as Buffer[]).map(String);
  }

  async send(host: string, letter: string): Promise<void> {
    await this.#ask(scripts.sendScript, [this.#lettersKey(host)], [letter, String(mostLetters), String(letterMs)]);
  }

  async hosts(): Promise<HostFacts[]> {
    const told = (await this.#ask(scripts.hostsScript, this.#hostKeys, [])) as Buffer[];
    return told.flatMap((words) => hostFactsOf(String(words)) ?? []).toSorted(byName);
  }

  async depart(host: string): Promise<void> {
    await this.#ask(scripts.departScript, this.#hostKeys, [host]);
  }

  get #hostKeys(): string[] {
    return ['seen', 'facts'].map((what) => `ac:1:${this.#farm}:{hosts}:${what}`);
  }

  #lettersKey(host: string): string {
    return `ac:1:${this.#farm}:{hosts}:letters:${host}`;
  }
}

type Ask = (script: string, keys: readonly string[], args: readonly (string | Buffer)[]) => Promise<unknown>;

class RedisEntry implements SwarmEntry {
  readonly #ask: Ask;
  readonly #content: SwarmContent;
  readonly #host: string;
  readonly #keys: string[];
  readonly #slots: string[];
  /** The last event that this host has heard. */
  #heard = noEvent;

  constructor(ask: Ask, farm: string, content: SwarmContent, host: string) {
    this.#ask = ask;
    this.#content = content;
    this.#host = host;
    const prefix = `ac:1:${farm}`;
    this.#keys = ['hash', 'claim', 'have', 'seen', 'events', 'authors'].map((what) => `${prefix}:{${content.id}}:${what}`);
    this.#slots = [`${prefix}:slots:${content.origin}`];
  }

  async claim(lacks: ChunkSet, length: number, lease: number): Promise<ClaimAnswer> {
    const fence = randomUUID();
    if ((await this.#run(scripts.slotScript, [fence, this.#content.slots, lease], this.#slots)) !== 1) return { is: 'full' };
    const args = [this.#content.chunks, length, lease, fence, Buffer.from(lacks.bytes()), this.#twice];
    const run = await this.#run(scripts.claimScript, args);
    if (!Array.isArray(run)) {
      await this.#run(scripts.freeSlotScript, [fence], this.#slots);
      return { is: 'none' };
    }
    return { is: 'claimed', claim: { from: Number(run[0]), to: Number(run[1]), fence } };
  }

  async renew({ fence }: Claim, lease: number): Promise<boolean> {
    if ((await this.#run(scripts.renewScript, [fence, lease])) !== 1) return false;
    // Even if all slots are taken by now: the read is under way.
    await this.#run(scripts.slotScript, [fence, Number.MAX_SAFE_INTEGER, lease], this.#slots);
    return true;
  }

  async release({ fence }: Claim): Promise<void> {
    await this.#run(scripts.releaseScript, [fence]);
    await this.#run(scripts.freeSlotScript, [fence], this.#slots);
  }

  async read(chunk: number, sha256: string, { fence }: Claim): Promise<ReadAnswer> {
    const args = [this.#host, chunk, announcementLease, fence, Buffer.from(sha256, 'hex'), this.#twice];
    return String(await this.#run(scripts.readScript, args)) as ReadAnswer;
  }

  async got(chunk: number): Promise<void> {
    await this.#run(scripts.gotScript, [this.#host, chunk, announcementLease]);
  }

  async lost(chunks: readonly number[], without: readonly string[]): Promise<void> {
    await this.#run(scripts.lostScript, [chunks.length, ...chunks, ...without]);
  }

  async holders(): Promise<SwarmState> {
    type Answer = [hashes: Buffer, have: Buffer[], last: Buffer, authors: Buffer[], all: number];
    const [hashes, have, last, authors, all] = (await this.#run(scripts.holdersScript, [mostHolders])) as Answer;
    this.#heard = String(last);
    const hosts = pairs(have).map(([host, bits]) => ({ host: String(host), has: ChunkSet.from(bits, this.#content.chunks) }));
    const holders = hosts.filter(({ host }) => host !== this.#host);
    return { holders, hosts: all, hashes: this.#believed(hashesIn(hashes), authors) };
  }

  async news(): Promise<SwarmEvent[] | null> {
    const events = (await this.#run(scripts.newsScript, [this.#heard, mostHolders])) as [Buffer, Buffer[]][] | null;
    if (events === null) return null;
    const last = events.at(-1);
    if (last !== undefined) this.#heard = String(last[0]);
    return events.map(([, fields]) => eventOf(fields)).filter(({ host }) => host !== this.#host);
  }

  async announce(has: ChunkSet, hashes: ReadonlyMap<number, string>, lease = announcementLease) {
    const args = [this.#host, Buffer.from(has.bytes()), lease];
    const [answer, isKnown, hosts] = (await this.#run(scripts.announceScript, args)) as [Buffer, number, Buffer[]];
    const known = hashesIn(answer);
    const unknown = [...hashes].filter(([chunk]) => has.has(chunk) && !known.has(chunk));
    // In portions: a script may not take thousands of arguments, nor stop the server for long.
    for (let at = 0; at < unknown.length; at += 500) {
      const portion = unknown.slice(at, at + 500);
      await this.#run(
        scripts.teachScript,
        portion.flatMap(([chunk, sha256]) => [chunk, Buffer.from(sha256, 'hex')]),
      );
    }
    return { isKnown: isKnown === 1, others: hosts.map(String).filter((host) => host !== this.#host) };
  }

  async leave(): Promise<void> {
    await this.#run(scripts.leaveScript, [this.#host]);
  }

  get #twice(): number {
    return this.#content.twice ? 1 : 0;
  }

  #believed(hashes: Map<number, string>, authors: readonly Buffer[]): Map<number, string> {
    if (!this.#content.twice) return hashes;
    const byTwo = pairs(authors).flatMap(([chunk, by]) => (String(by) === '+' ? [Number(chunk)] : []));
    return new Map(byTwo.flatMap((chunk) => (hashes.has(chunk) ? [[chunk, hashes.get(chunk) ?? '']] : [])));
  }

  #run(script: string, args: readonly (string | number | Buffer)[], keys: readonly string[] = this.#keys): Promise<unknown> {
    return this.#ask(
      script,
      keys,
      args.map((arg) => (typeof arg === 'number' ? String(arg) : arg)),
    );
  }
}

function pairs(flat: readonly Buffer[]): [Buffer, Buffer][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index], flat[2 * index + 1]] as [Buffer, Buffer]);
}

function hashesIn(bytes: Buffer): Map<number, string> {
  const hashes = new Map<number, string>();
  for (let chunk = 0; (chunk + 1) * hashBytes <= bytes.length; chunk++) {
    const hash = bytes.subarray(chunk * hashBytes, (chunk + 1) * hashBytes);
    if (hash.some((byte) => byte !== 0)) hashes.set(chunk, hash.toString('hex'));
  }
  return hashes;
}

function eventOf(fields: readonly Buffer[]): SwarmEvent {
  const { host = '', chunk = '' } = Object.fromEntries(pairs(fields).map(([key, value]) => [String(key), String(value)]));
  return chunk === 'gone' ? { is: 'gone', host } : { is: 'has', host, chunk: Number(chunk) };
}
