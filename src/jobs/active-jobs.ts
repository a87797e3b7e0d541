import { defaultTier, type TierName, tierNames } from '../core/types.ts';
import { type CopyRequest, type Job, jobKey, variantKey } from './job.ts';

/** The queued and running jobs: at most one for a source and a tier, and one for a variant. */
export class ActiveJobs {
  #byKey = new Map<string, Job>();

  of(sourcePath: string, tier: TierName): Job | undefined {
    return this.#byKey.get(jobKey(sourcePath, tier));
  }

  /** The job that serves a request, if any. */
  wanted({ file, tier = defaultTier, variant }: CopyRequest): Job | undefined {
    return variant ? this.ofVariant(variant.path) : this.of(file.path, tier);
  }

  ofVariant(path: string): Job | undefined {
    return this.#byKey.get(variantKey(path));
  }

  byId(id: number): Job | undefined {
    return [...this.#byKey.values()].find((job) => job.id === id);
  }

  add(job: Job): void {
    this.#byKey.set(job.key, job);
  }

  delete(job: Job): void {
    this.#byKey.delete(job.key);
  }

  /** True while a copy or a variant of this source is being made in any tier: its other copies are being read, or about to be replaced. */
  isBusy(sourcePath: string): boolean {
    if (tierNames.some((tier) => this.#byKey.has(jobKey(sourcePath, tier)))) return true;
    for (const { kind, file } of this.#byKey.values()) if (kind === 'derive' && file.path === sourcePath) return true;
    return false;
  }
}
