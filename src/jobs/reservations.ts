import { mostCompressed } from '../codec/estimate.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { sharingQuota } from '../core/tier-traits.ts';
import type { Copy, Entry } from '../core/types.ts';
import { workingRoom } from '../policy/demotion.ts';
import type { Policy } from '../policy/policy.ts';
import type { Clock } from '../runtime/clock.ts';
import { Serial } from '../runtime/serial.ts';
import { makeRoom, type RoomDeps } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import { assertWanted, type Job } from './job.ts';
import type { CopyWorkers } from './workers.ts';

export interface ReservationDeps extends Omit<RoomDeps, 'outstanding' | 'giveWay'> {
  clock: Clock;
  workers: CopyWorkers;
  /** Most bytes written to the SSD in a UTC day, null = no bound. */
  dailyWrites(): number | null;
  running(): readonly Job[];
}

/** Reserves room for jobs before their first byte (law 3). */
export class Reservations {
  readonly #deps: ReservationDeps;
  /** They are made one after the other, so that two jobs do not choose the same victims. */
  readonly #turns = new Serial();

  constructor(deps: ReservationDeps) {
    this.#deps = deps;
  }

  /** @throws CacheError CANCELLED, NOT_ADMITTED, TOO_LARGE, NO_SPACE */
  async make(job: Job, tier: Tier): Promise<Copy> {
    const { catalog } = this.#deps;
    const entry = catalog.entries.put(job.file);
    const room = this.#turns.run(async () => {
      assertWanted(job);
      this.#assertBudget(job);
      const copy = await this.#makeRoom(job, tier, entry);
      job.reserved = copy?.bytes ?? 0;
      return copy;
    });
    const copy = await (job.tier === 'cold' ? room.catch(giveUp) : room);
    if (!copy) throw new CacheError('NOT_ADMITTED', 'what would have to leave for it is worth more');
    return copy;
  }

  /** @throws CacheError NOT_ADMITTED: the bound holds for every priority, for the wear is the same; who waits loads from the source. */
  #assertBudget(job: Job): void {
    const { catalog, clock, running } = this.#deps;
    const dailyWrites = this.#deps.dailyWrites();
    if (dailyWrites === null || job.tier === 'ram') return;
    const today = new Date(clock.now()).toISOString().slice(0, 10);
    const written = catalog.usage.daily().find(({ day }) => day === today)?.bytesCopied ?? 0;
    const promised = running().reduce((sum, other) => sum + (other.tier === 'ram' ? 0 : other.reserved), 0);
    if (written + promised + bytesFor(job) <= dailyWrites) return;
    throw new CacheError('NOT_ADMITTED', `the day's ${formatBytes(dailyWrites)} of writes leave no room for this copy`, {
      hint: 'AUTOCACHE_DAILY_WRITES bounds them; a new day begins at 00:00 UTC.',
    });
  }

  #roomDeps(job: Job): RoomDeps {
    const outstanding = (tier: Tier) => this.#outstanding(tier);
    const policy = () => this.#policyFor(job);
    return {
      ...this.#deps,
      outstanding,
      policy,
      ...(job.tier !== 'cold' && { giveWay: (bytes: number | null) => this.#endCompressing(bytes) }),
    };
  }

  /** What somebody asked for, is about to load, or waits for a restore of, is copied whatever it displaces. */
  #policyFor({ priority, origin, tier }: Job): Policy {
    const policy = this.#deps.policy();
    const isWanted = priority === 'warm' || priority === 'prefetch' || (priority === 'wait' && origin?.tier === 'cold');
    return isWanted || tier === 'cold' ? { ...policy, admit: () => true } : policy;
  }

  /** With less room than any compressed form could need it is tried with what most need. */
  async #makeRoom(job: Job, tier: Tier, entry: Entry): Promise<Copy | null> {
    const need = this.#needOf(job, entry);
    const usual = workingRoom(job.file.fingerprint.size);
    return makeRoom(this.#roomDeps(job), tier, need).catch((error) => {
      if (job.tier !== 'cold' || toCacheError(error).code !== 'NO_SPACE') throw error;
      return makeRoom(this.#roomDeps(job), tier, { ...need, bytes: usual });
    });
  }

  /** Compressing saves space: nothing that is worth more leaves for it. */
  #needOf(job: Job, entry: Entry): Parameters<typeof makeRoom>[2] {
    const { catalog, policy } = this.#deps;
    const [source, bytes] = [job.file.fingerprint, bytesFor(job)];
    if (job.tier !== 'cold') return { entry, source, bytes };
    return { entry, source, bytes, below: policy().score({ entry, bytes: source.size }, catalog.usage.tick) };
  }

  /** One that waits for its reservation holds nothing, and would wait for us. */
  async #endCompressing(bytes: number | null): Promise<boolean> {
    const compressing = this.#deps.running().filter(({ tier, reserved }) => tier === 'cold' && reserved > 0);
    const held = compressing.reduce((sum, job) => sum + job.reserved, 0);
    if (compressing.length === 0 || (bytes !== null && held < bytes)) return false;
    for (const job of compressing) {
      job.cancelRequested = true;
      this.#deps.workers.cancel(job.id);
    }
    await Promise.all(compressing.map(({ ended }) => ended));
    return true;
  }

  /** Bytes that running copies have reserved on the volume of a tier and not yet written. */
  #outstanding({ name }: Tier): number {
    const sharing = sharingQuota(name);
    const beside = this.#deps.running().filter(({ tier, reserved }) => reserved > 0 && sharing.includes(tier));
    return beside.reduce((sum, job) => sum + job.unwritten, 0);
  }
}

/** Compressing is tried again when there is room; that there is none is no failure. */
function giveUp(error: unknown): never {
  const { code } = toCacheError(error);
  throw code === 'NO_SPACE' || code === 'NOT_ADMITTED' ? new CacheError('CANCELLED', 'there is no room to compress it') : error;
}

/** What a job needs of its tier; a compressed form that takes more than that is not worth it. */
function bytesFor({ tier, file }: Job): number {
  const { size } = file.fingerprint;
  return tier === 'cold' ? mostCompressed(size) : size;
}
