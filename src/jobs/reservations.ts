import { mostCompressed } from '../codec/least-saving.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { sharesQuota, tierTraits } from '../core/tier-traits.ts';
import type { Copy, Entry } from '../core/types.ts';
import { workingRoom } from '../policy/demotion.ts';
import type { Policy } from '../policy/policy.ts';
import type { Clock } from '../runtime/clock.ts';
import { Serial } from '../runtime/serial.ts';
import { makeRoom, type RoomDeps, roomIn, type SpaceDeps } from '../space/make-room.ts';
import { makeVariantRoom } from '../space/variant-room.ts';
import type { Tier } from '../tiers/tier.ts';
import { assertWanted, type Job } from './job.ts';
import type { CopyOptions } from './options.ts';
import type { CopyWorkers } from './workers.ts';

export interface ReservationDeps extends SpaceDeps {
  workers: CopyWorkers;
  options: CopyOptions;
  clock: Clock;
  /** Maximum size of all variants, bytes. */
  variantsLimit(): number;
  running(): readonly Job[];
}

/** Reserves room for jobs before their first byte (law 3). */
export class Reservations {
  readonly #deps: ReservationDeps;
  /** Reservations are made one after the other, so that two jobs do not choose the same victims. */
  readonly #turns = new Serial();

  constructor(deps: ReservationDeps) {
    this.#deps = deps;
  }

  /** Whether nothing has to leave for this job at present. */
  hasRoom(job: Job, tier: Tier): boolean {
    return roomIn(this.#roomDeps(), tier) >= mostWritten(job);
  }

  /** @throws CacheError CANCELLED, NOT_ADMITTED, TOO_LARGE, NO_SPACE */
  async make(job: Job, tier: Tier): Promise<Copy> {
    const { catalog } = this.#deps;
    const entry = catalog.entries.put(job.file);
    const isCompressing = job.kind === 'compress';
    const room = this.#turns.run(async () => {
      assertWanted(job);
      this.#assertBudget(job);
      const copy = await this.#reserved(job, tier, entry);
      job.reserved = copy?.bytes ?? 0;
      return copy;
    });
    const copy = await (isCompressing || job.priority === 'idle' ? room.catch(giveUp) : room);
    if (!copy && isAhead(job)) return giveUp(new CacheError('NOT_ADMITTED', 'other copies would have to leave'));
    if (!copy) throw new CacheError('NOT_ADMITTED', 'the copies that would leave for it are worth more');
    return copy;
  }

  /**
   * Reserves room for a variant. A user asked for it by name, so copies leave for it whatever their worth, unless they are in use.
   * @throws CacheError CANCELLED, NOT_ADMITTED, TOO_LARGE, NO_SPACE
   */
  async forVariant(job: Job, tier: Tier, { path, bytes }: { path: string; bytes: number }): Promise<void> {
    await this.#turns.run(async () => {
      assertWanted(job);
      this.#assertBudget(job, bytes);
      const giveWay = (needed: number | null) => this.#endCompressing(tier, needed);
      await makeVariantRoom({ ...this.#deps, ...this.#roomDeps(), giveWay }, tier, { path, bytes });
      job.reserved = bytes;
    });
  }

  /**
   * @throws CacheError NOT_ADMITTED: the bound holds for every priority, as the wear is the same; waiting programs load from the
   *   source.
   */
  #assertBudget(job: Job, bytes = mostWritten(job)): void {
    const { catalog, clock, running } = this.#deps;
    const dailyWrites = this.#deps.options.dailyWrites();
    if (dailyWrites === null || !tierTraits[job.tier].wears) return;
    const today = new Date(clock.now()).toISOString().slice(0, 10);
    const written = catalog.usage.daily().find(({ day }) => day === today)?.bytesCopied ?? 0;
    const wearing = running().filter(({ tier }) => tierTraits[tier].wears);
    const promised = wearing.reduce((sum, { reserved }) => sum + reserved, 0);
    if (written + promised + bytes <= dailyWrites) return;
    throw new CacheError('NOT_ADMITTED', `the day's ${formatBytes(dailyWrites)} of writes leave no room for this copy`, {
      hint: 'AUTOCACHE_DAILY_WRITES bounds them; a new day begins at 00:00 UTC.',
    });
  }

  #reserved(job: Job, tier: Tier, entry: Entry): Promise<Copy | null> {
    if (job.kind === 'adopt') return this.#forAdopting(job, tier, entry);
    return job.kind === 'compress' ? this.#forCompressing(job, tier, entry) : this.#forCopying(job, tier, entry);
  }

  /** Its bytes are on the disk already: no free space is needed, and below the limit nothing leaves for it. */
  #forAdopting(job: Job, tier: Tier, entry: Entry): Promise<Copy | null> {
    const bound = { ...this.#deps.bound(tier), floor: Number.NEGATIVE_INFINITY };
    const source = job.file.fingerprint;
    if (this.#deps.catalog.placements.usedUnderLimit(tier.name) + source.size > bound.limit) {
      throw new CacheError('NOT_ADMITTED', 'the limit of the cache leaves no room for it', { hint: 'Raise AUTOCACHE_LIMIT.' });
    }
    return makeRoom({ ...this.#roomDeps(), bound: () => bound }, tier, { entry, source });
  }

  #forCopying(job: Job, tier: Tier, entry: Entry): Promise<Copy | null> {
    // A program may ask for the file while its job runs; then the job is judged as any other.
    const isIdle = () => job.priority === 'idle';
    const policy = () =>
      isIdle() ? this.#admittingForeseen(tier) : this.#isWanted(job) ? this.#admittingAll() : this.#deps.policy();
    const giveWay = async (bytes: number | null) => !isIdle() && this.#endCompressing(tier, bytes);
    return makeRoom({ ...this.#roomDeps(), policy, giveWay }, tier, { entry, source: job.file.fingerprint });
  }

  /**
   * Compressing saves space, so nothing more valuable leaves for it. If there is no room for the largest useful compressed form,
   * the usual size is tried.
   */
  #forCompressing(job: Job, tier: Tier, entry: Entry): Promise<Copy | null> {
    const { catalog, policy } = this.#deps;
    const source = job.file.fingerprint;
    const deps = { ...this.#roomDeps(), policy: () => this.#admittingAll() };
    const below = policy().score({ entry, bytes: source.size }, catalog.usage.tick);
    const within = (bytes: number) => makeRoom(deps, tier, { entry, source, bytes, below });
    return within(mostWritten(job)).catch((error) => {
      if (toCacheError(error).code !== 'NO_SPACE') throw error;
      return within(workingRoom(source.size));
    });
  }

  #roomDeps(): RoomDeps {
    return { ...this.#deps, outstanding: (tier) => this.#outstanding(tier) };
  }

  #admittingAll(): Policy {
    return { ...this.#deps.policy(), admit: () => true };
  }

  /** Whether the policy has no say: for a warmed file, a restore for a waiting program, and a prefetch that the policy does not expect. */
  #isWanted({ priority, origin, file }: Job): boolean {
    if (priority === 'prefetch') return !this.#deps.policy().expects?.(file.path);
    return priority === 'warm' || (priority === 'wait' && origin?.form === 'compressed');
  }

  /** A foreseen copy displaces copies of less worth, if the policy can tell; in memory it displaces nothing. */
  #admittingForeseen({ name }: Tier): Policy {
    const policy = this.#deps.policy();
    return policy.foresees && tierTraits[name].quota.resource === 'space' ? policy : { ...policy, admit: () => false };
  }

  /** A job that waits for its reservation holds nothing, and would wait for us. */
  async #endCompressing({ name }: Tier, bytes: number | null): Promise<boolean> {
    const isOne = ({ kind, tier, reserved }: Job) => kind === 'compress' && reserved > 0 && sharesQuota(tier, name);
    const compressing = this.#deps.running().filter(isOne);
    const held = compressing.reduce((sum, job) => sum + job.reserved, 0);
    if (compressing.length === 0 || (bytes !== null && held < bytes)) return false;
    for (const job of compressing) {
      job.cancelRequested = true;
      this.#deps.workers.cancel(job.id);
    }
    await Promise.all(compressing.map(({ ended }) => ended));
    return true;
  }

  /** Bytes that running copies have reserved on a tier's volume but not yet written. */
  #outstanding({ name }: Tier): number {
    const beside = this.#deps.running().filter(({ tier, reserved }) => reserved > 0 && sharesQuota(tier, name));
    return beside.reduce((sum, job) => sum + job.unwritten, 0);
  }
}

/** Compressing, and copies ahead of a request, are tried again when there is room; a lack of room is no failure. */
function giveUp(error: unknown): never {
  const { code } = toCacheError(error);
  throw code === 'NO_SPACE' || code === 'NOT_ADMITTED'
    ? new CacheError('CANCELLED', 'there is no room for it that is free')
    : error;
}

/** Whether the copy is made ahead of a request; a later request is not refused for an earlier judgement. */
function isAhead({ priority }: Job): boolean {
  return priority === 'idle' || priority === 'prefetch';
}

/** Maximum bytes that a job writes to its tier; a larger compressed form is not worth it. */
function mostWritten({ kind, file }: Job): number {
  if (kind === 'adopt') return 0;
  const { size } = file.fingerprint;
  return kind === 'compress' ? mostCompressed(size) : size;
}
