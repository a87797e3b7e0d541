/** Maximum number of entries examined in one round of making room. */
const round = 64;

export interface RoomDeps {
  /** Number and size of the stored entries. */
  held(): { items: number; bytes: number };
  bound(): { items: number; limit: number; floor: number };
  /** Free bytes of the volume. */
  free(): number;
  /** The entries that leave first, in order. */
  leastWorth(most: number): number[];
  /** Whether a program may be reading it. */
  isInUse(id: number): boolean;
  /** Removes an entry; resolves with the bytes that it freed, when they are free. */
  evict(id: number): Promise<number>;
}

/** Bytes and items promised before they are written (law 3). */
export interface Reservation extends Disposable {
  readonly bytes: number;
}

/** Keeps the results within their limits: room for a new one is reserved first, and the least valuable ones leave for it. */
export class Room {
  readonly #deps: RoomDeps;
  readonly #reserved = new Set<Reservation & { items: number }>();

  constructor(deps: RoomDeps) {
    this.#deps = deps;
  }

  get reservedBytes(): number {
    return [...this.#reserved].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Reserves room; null when none can be made. */
  async reserve(bytes: number, items: number): Promise<Reservation | null> {
    if (!(await this.#make(bytes, items))) return null;
    // Other calls may have reserved during the await.
    if (this.#isShort(bytes, items)) return this.reserve(bytes, items);
    const reservation = { bytes, items, [Symbol.dispose]: () => void this.#reserved.delete(reservation) };
    this.#reserved.add(reservation);
    return reservation;
  }

  /** Removes entries beyond lowered limits. */
  async trim(): Promise<void> {
    await this.#make(0, 0);
  }

  /** @returns false when too little can leave */
  async #make(bytes: number, items: number): Promise<boolean> {
    const needed = this.#shortBytes(bytes);
    // Freeing less than needed would cost results and gain nothing.
    if (bytes > this.#deps.bound().limit || needed > this.#deps.held().bytes) return false;
    const stuck = new Set<number>();
    let freed = 0;
    while (this.#isShort(bytes, items)) {
      const candidates = this.#deps.leastWorth(round + stuck.size).filter((id) => !stuck.has(id));
      if (candidates.length === 0) return false;
      for (const id of candidates) {
        if (!this.#isShort(bytes, items)) break;
        // Another program takes the freed space, or the disk shows it later.
        if (this.#shortBytes(bytes) > 0 && freed > needed + bytes) return false;
        if (this.#deps.isInUse(id)) stuck.add(id);
        else freed += await this.#deps.evict(id);
      }
    }
    return true;
  }

  #isShort(bytes: number, items: number): boolean {
    const reserved = [...this.#reserved].reduce((sum, one) => sum + one.items, 0);
    return this.#deps.held().items + reserved + items > this.#deps.bound().items || this.#shortBytes(bytes) > 0;
  }

  /** Bytes that must leave first: for the limit, or for the free space kept on the volume. */
  #shortBytes(bytes: number): number {
    const { held, bound, free } = this.#deps;
    const { limit, floor } = bound();
    const coming = this.reservedBytes + bytes;
    return Math.max(held().bytes + coming - limit, bytes > 0 ? floor - (free() - coming) : 0);
  }
}
