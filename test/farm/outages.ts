import type { Schedule, SimulatedHost } from './simulated-host.ts';

/** A dead host takes no connection within this, ms; one that hangs gives no byte within that. */
export const connect = 500;
export const firstByte = 1500;

/** What does not answer whom. */
export class Outages {
  readonly #schedule: Schedule;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** Whether the directory does not answer this host. */
  isAway({ isFar, isAlone }: SimulatedHost, now: number): boolean {
    const { away, cut, alone } = this.#schedule;
    return isIn(away, now) || (isFar && isIn(cut, now)) || (isAlone && isIn(alone, now));
  }

  /** Whether two hosts reach each other. */
  reach(one: SimulatedHost, other: SimulatedHost, now: number): boolean {
    return one.isFar === other.isFar || !isIn(this.#schedule.cut, now);
  }

  /** How long a host waits in vain for the first byte of another one's answer, ms; null when it answers. */
  silence(host: SimulatedHost, other: SimulatedHost, now: number): number | null {
    if (other.isDead(now) || !this.reach(host, other, now)) return connect;
    return other.awake(now) > now ? firstByte : null;
  }
}

function isIn(time: { at: number; for: number } | undefined, now: number): boolean {
  return time !== undefined && now >= time.at && now < time.at + time.for;
}
