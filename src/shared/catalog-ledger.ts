import type { Catalog } from '../catalog/catalog.ts';
import { freshScore, type SharedLedger, scoreAfter } from './ledger.ts';

/** The ledger of a host without a Redis. It notices writes of other hosts by listing the bucket, also before each write. */
export class CatalogLedger implements SharedLedger {
  readonly isCommon = false;
  readonly #catalog: Pick<Catalog, 'sharedObjects' | 'write'>;
  readonly #now: () => number;
  /** Reservations of this run; those of earlier runs ended with them. */
  readonly #reserved = new Map<string, number>();
  /** Contents that the last listing did not have. */
  #missing = new Set<string>();

  constructor(catalog: Pick<Catalog, 'sharedObjects' | 'write'>, now: () => number) {
    this.#catalog = catalog;
    this.#now = now;
  }

  async reserve(sha256: string, bytes: number, limit: number): ReturnType<SharedLedger['reserve']> {
    if (await this.has(sha256)) return 'there';
    if (this.#reserved.has(sha256)) return 'busy';
    const { bytes: used, reserved } = await this.totals();
    if (used + reserved + bytes > limit) return 'full';
    this.#reserved.set(sha256, bytes);
    return 'reserved';
  }

  async renew(): Promise<void> {}

  async written(sha256: string, bytes: number): Promise<void> {
    await this.#save(sha256, bytes, 'there', (await this.scoreOf(sha256)) || freshScore(this.#now()));
    this.#reserved.delete(sha256);
  }

  async release(sha256: string): Promise<void> {
    this.#reserved.delete(sha256);
  }

  async wanted(sha256: string): Promise<void> {
    const known = this.#catalog.sharedObjects.of(sha256);
    await this.#save(sha256, known?.bytes ?? 0, known?.state ?? 'gone', scoreAfter(known?.score ?? 0, this.#now()));
  }

  async least(): ReturnType<SharedLedger['least']> {
    return this.#catalog.sharedObjects.least() ?? null;
  }

  async scoreOf(sha256: string): Promise<number> {
    return this.#catalog.sharedObjects.of(sha256)?.score ?? 0;
  }

  async removed(sha256: string): Promise<void> {
    await this.#save(sha256, 0, 'gone', await this.scoreOf(sha256));
  }

  async has(sha256: string): Promise<boolean> {
    return this.#catalog.sharedObjects.of(sha256)?.state === 'there';
  }

  async totals(): ReturnType<SharedLedger['totals']> {
    const reserved = [...this.#reserved.values()].reduce((sum, bytes) => sum + bytes, 0);
    return { ...this.#catalog.sharedObjects.total(), reserved };
  }

  async agreeWith(found: ReadonlyMap<string, number>): Promise<void> {
    const { sharedObjects } = this.#catalog;
    await this.#catalog.write(() => {
      const missing = sharedObjects.there().filter(({ sha256 }) => !found.has(sha256));
      for (const { sha256, score } of missing) if (this.#missing.has(sha256)) sharedObjects.save(sha256, 0, 'gone', score);
      this.#missing = new Set(missing.map(({ sha256 }) => sha256));
      for (const [sha256, bytes] of found) {
        const known = sharedObjects.of(sha256);
        if (known?.state !== 'there') sharedObjects.save(sha256, bytes, 'there', known?.score ?? freshScore(this.#now()));
      }
    });
  }

  #save(...row: Parameters<Catalog['sharedObjects']['save']>): Promise<void> {
    return this.#catalog.write(() => this.#catalog.sharedObjects.save(...row));
  }
}
