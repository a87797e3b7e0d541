import { type TierName, tierNames } from '../core/types.ts';
import { type Job, jobKey } from './job.ts';

/** The queued and running jobs: at most one for a source and a tier. */
export class ActiveJobs {
  #byKey = new Map<string, Job>();

  of(sourcePath: string, tier: TierName): Job | undefined {
    return this.#byKey.get(jobKey(sourcePath, tier));
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

  /** True while a copy of this source is being made in any tier: its other copies are being read, or about to be replaced. */
  isBusy(sourcePath: string): boolean {
    return tierNames.some((tier) => this.#byKey.has(jobKey(sourcePath, tier)));
  }
}
