import type { Catalog } from '../catalog/catalog.ts';
import { messageOf } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Copy, Entry, Fingerprint, Mode, Priority, WantedFile } from '../core/types.ts';
import type { Copier } from '../jobs/copier.ts';
import type { Job } from '../jobs/job.ts';
import type { Candidate, Policy } from '../policy/policy.ts';
import { isWorthPromoting } from '../policy/worth-promoting.ts';
import type { Log } from '../runtime/log.ts';
import type { Evictor } from '../space/evict.ts';
import { type Bound, roomIn } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import { withCompanions } from './beside.ts';

export interface PromotionDeps {
  catalog: Catalog;
  evictor: Pick<Evictor, 'obstacle'>;
  copier: Pick<Copier, 'request' | 'activeJob' | 'failures'>;
  /** The RAM tier. */
  tier: Tier;
  /** The bounds of copies made without a request. */
  bound(tier: Tier): Bound;
  policy(): Policy;
  mode(): Mode;
  log: Log;
}

/** Time from a use to the decision on moving its copy, ms: the program loads first. */
const settleMs = 1000;

/**
 * Brings copies into the RAM tier: on request, when a compressed one is restored, and by itself after a use, one at a time and
 * never while an answer waits. The last two only if the policy finds them more valuable than the copies that must leave.
 */
export class Promotion implements AsyncDisposable {
  readonly #deps: PromotionDeps;
  /** Used copies, each with its state before that use. */
  #used = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | null = null;
  #ended = false;

  constructor(deps: PromotionDeps) {
    this.#deps = deps;
  }

  /** To be called when a copy was served. Cheap: the rest is done later. */
  used(path: string): void {
    const { catalog, mode } = this.#deps;
    const isNoted = (this.#used.get(path)?.uses ?? 0) > 0;
    if (isNoted || mode() !== 'read-write' || this.#hasFailed(path)) return;
    // Uses are written twice a second, so the catalog still has the state before this one.
    const found = catalog.find(path);
    if (!found || found.ready.some((copy) => this.#isHere(copy))) return;
    this.#used.set(path, found.entry);
    this.#arrange();
  }

  /**
   * Has the whole unit copied into memory, from its copies in other tiers.
   * @returns the jobs; none when nothing is missing
   */
  promote(path: string, priority: Priority): Job[] {
    const entry = this.#deps.catalog.entries.byPath(path);
    return (entry ? this.#missing(entry) : []).map(({ path, root, rel, category, fingerprint }) => {
      const file = { path, root, rel, category, fingerprint };
      return this.#deps.copier.request({ file, medium: 'ssd', priority, tier: this.#deps.tier.name });
    });
  }

  /**
   * Has a file that is only in the cold tier restored into memory: nothing is written to the SSD, and the compressed copy stays.
   * @returns null when it must be restored to the SSD: there is no room and it is worth less than the copies that would leave, or
   *   it was requested there
   */
  restore({ medium, ...file }: WantedFile, priority: Priority): Job | null {
    const { catalog, copier, tier } = this.#deps;
    const entry = catalog.entries.byPath(file.path);
    if (!entry || priority === 'warm' || this.#hasFailed(file.path)) return null;
    const copies = this.#copiesOf(entry, file.fingerprint);
    if (copies.length === 0 || copies.some((copy) => tierTraits[copy.tier].servable)) return null;
    // Its companions may have no copy at all.
    if (withCompanions([entry], catalog).length > 1) return null;
    if (!copier.activeJob(file.path, tier.name)) {
      if (copier.activeJob(file.path)) return null;
      const bytes = file.fingerprint.size;
      if (this.#room() < bytes && !this.#isWorth({ entry, bytes })) return null;
    }
    return copier.request({ file, medium, priority, tier: tier.name });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#working;
  }

  #arrange(): void {
    if (this.#ended || this.#working || this.#timer || this.#used.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#working = this.#promoteBest()
        .catch((err) => this.#deps.log.error({ why: messageOf(err) }, 'a copy could not be brought into memory'))
        .finally(() => {
          this.#working = null;
          this.#arrange();
        });
    }, settleMs).unref();
  }

  /** Promotes the most valuable of the used copies, if worth it; the others need another use. */
  async #promoteBest(): Promise<void> {
    const { policy, catalog } = this.#deps;
    catalog.usage.flush();
    const { tick } = catalog.usage;
    const used = [...this.#used].map(([path, before]) => ({ path, before: this.#asCandidate(before) }));
    const worth = used.filter(({ before }) => before !== null && this.#isWorth(before));
    const [best, ...later] = worth.toSorted((a, b) => scoreOf(b.before) - scoreOf(a.before));
    this.#used = new Map([...this.#used].filter(([path]) => later.some((one) => one.path === path)));
    if (best) await Promise.all(this.promote(best.path, 'background').map(({ ended }) => ended));

    function scoreOf(candidate: Candidate | null): number {
      return candidate ? policy().score(candidate, tick) : Number.NEGATIVE_INFINITY;
    }
  }

  /** The unit as one candidate, null when nothing is missing. */
  #asCandidate(before: Entry): Candidate | null {
    const missing = this.#missing(before);
    const bytes = missing.reduce((sum, { fingerprint }) => sum + fingerprint.size, 0);
    return missing.length > 0 ? { entry: before, bytes } : null;
  }

  #hasFailed(path: string): boolean {
    const { copier, tier } = this.#deps;
    return copier.failures.recent(path, tier.name) !== undefined;
  }

  #isWorth(before: Candidate): boolean {
    const { catalog, policy } = this.#deps;
    return isWorthPromoting(before, { room: this.#room(), residents: this.#residents() }, policy(), catalog.usage.tick);
  }

  #isHere(copy: Copy): boolean {
    return copy.tier === this.#deps.tier.name;
  }

  #room(): number {
    const { catalog, tier } = this.#deps;
    return roomIn({ ...this.#deps, outstanding: () => catalog.placements.totals(tier.name).reserved }, tier);
  }

  /** The copies with the file's present fingerprint. */
  #copiesOf({ id }: Entry, fingerprint: Fingerprint): Copy[] {
    return this.#deps.catalog.copies.readyOf(id).filter(({ source }) => isSameFingerprint(source, fingerprint));
  }

  #residents(): Candidate[] {
    const { catalog, evictor } = this.#deps;
    return catalog.copies.inState('ready').flatMap((copy) => {
      const entry = this.#isHere(copy) ? catalog.entries.byId(copy.entryId) : undefined;
      const stays = !entry || evictor.obstacle(copy, entry, new Set()) !== null;
      return stays ? [] : [{ entry, bytes: copy.bytes }];
    });
  }

  /** Files of the unit with a copy in another tier but none in memory. An incomplete unit would not be served. */
  #missing(entry: Entry): Entry[] {
    return withCompanions([entry], this.#deps.catalog).filter((file) => {
      const ready = this.#copiesOf(file, file.fingerprint);
      return ready.length > 0 && !ready.some((copy) => this.#isHere(copy));
    });
  }
}
