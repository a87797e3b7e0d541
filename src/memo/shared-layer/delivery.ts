import { RedisTrouble } from '../../redis/trouble.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import { Periodic } from '../../runtime/periodic.ts';
import type { Store } from '../store.ts';
import { outgoing } from './outgoing.ts';
import type { Debt } from './owed.ts';
import type { RemoteValues } from './remote-values.ts';

export interface DeliveryDeps {
  values: RemoteValues;
  clock: Clock;
  log: Log;
  store(): Store | null;
  isUp(): boolean;
}

/** Maximum number of changes sent at once; their order among each other does not matter. */
const most = 8;
/** Retry interval after a refusal, ms. */
const againMs = 5000;

/** Sends owed changes to Redis after all answers, in the order in which they came. */
export class Delivery implements AsyncDisposable {
  readonly #deps: DeliveryDeps;
  readonly #rounds: Periodic;
  #ended = false;
  stored = 0;
  removed = 0;
  /** Number of values that Redis refused: it is full, or does not let this user write. */
  refused = 0;

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
    const onError = (err: unknown) => deps.log.warn({ err }, 'Redis cannot be told of results');
    this.#rounds = new Periodic(() => this.#deliver(), { everyMs: againMs, onError });
  }

  wake(): void {
    // The transaction that has written it down may still be open.
    setImmediate(() => void this.#rounds.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#rounds[Symbol.asyncDispose]();
  }

  async #deliver(): Promise<void> {
    const { store, isUp } = this.#deps;
    for (let open = store(); open && isUp() && !this.#ended; open = store()) {
      const debts = open.owed.next(most);
      const [first] = debts;
      if (!first) return;
      const other = debts.findIndex(({ kind }) => kind !== first.kind);
      const told = await this.#tell(open, other === -1 ? debts : debts.slice(0, other));
      if (store() === open) open.owed.settled(told);
      if (told.length === 0) return;
    }
  }

  /** @returns the changes that Redis has received */
  async #tell(store: Store, debts: readonly Debt[]): Promise<Debt[]> {
    const told = await Promise.all(
      debts.map((debt) =>
        this.#tellOne(store, debt).then(
          () => [debt],
          (error: unknown) => {
            if (error instanceof RedisTrouble) return [];
            throw error;
          },
        ),
      ),
    );
    return told.flat();
  }

  async #tellOne(store: Store, debt: Debt): Promise<void> {
    const { values, clock } = this.#deps;
    if (debt.kind === 'mark') return values.invalidate(debt.name);
    const { ns, key } = debt;
    const out = await outgoing(store, { ns, key }, clock.now());
    const isWritten = out !== null && (await this.#write(out));
    if (isWritten) return;
    await values.remove(ns, key);
    this.removed += 1;
  }

  /** @returns false when Redis refuses: then an earlier value must go all the same */
  async #write({ framed, marks }: NonNullable<Awaited<ReturnType<typeof outgoing>>>): Promise<boolean> {
    try {
      await this.#deps.values.write(framed, marks);
      this.stored += 1;
      return true;
    } catch (error) {
      if (!(error instanceof RedisTrouble) || !error.isRefusal) throw error;
      this.refused += 1;
      return false;
    }
  }
}
