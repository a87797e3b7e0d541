import { type Form, type TierName, tierNames } from './types.ts';

/** Tiers of one quota lie on one volume and share one limit. */
interface Quota {
  /** What runs short when the quota is full; also why a copy then leaves, in events and in the log. */
  resource: 'memory' | 'space';
  /** Settings that name the directory and the limit, for messages. */
  settings: { dir: string; limit: string };
}

/** What tells a tier from the others. Code asks for a trait, never for the name. */
export interface TierTraits {
  /** A loader can open its files as they are. */
  servable: boolean;
  /** How a file of it holds the bytes of its source. */
  form: Form;
  /** Nothing in it outlives the daemon. */
  volatile: boolean;
  /** Bytes written to it wear the SSD, and count against the bound of a day. */
  wears: boolean;
  /** Copies with the same bytes are hard links of one file in it. */
  links: boolean;
  quota: Quota;
  /** What the names of its files end with, after the name of their source. */
  suffix: string;
}

const memory: Quota = { resource: 'memory', settings: { dir: 'AUTOCACHE_RAM_DIR', limit: 'AUTOCACHE_RAM_LIMIT' } };
const disk: Quota = { resource: 'space', settings: { dir: 'AUTOCACHE_DIR', limit: 'AUTOCACHE_LIMIT' } };

/** One row for each tier; a new tier is a name in `tierNames`, a row here, and an implementation of `Tier`. */
export const tierTraits: Readonly<Record<TierName, Readonly<TierTraits>>> = {
  ram: { servable: true, form: 'plain', volatile: true, wears: false, links: false, quota: memory, suffix: '' },
  ssd: { servable: true, form: 'plain', volatile: false, wears: true, links: true, quota: disk, suffix: '' },
  cold: { servable: false, form: 'compressed', volatile: false, wears: true, links: false, quota: disk, suffix: '.zst' },
};

export function sharesQuota(a: TierName, b: TierName): boolean {
  return tierTraits[a].quota === tierTraits[b].quota;
}

/** The tiers that share the limit of a tier, itself among them, fastest first. */
export function sharingQuota(tier: TierName): TierName[] {
  return tierNames.filter((name) => sharesQuota(name, tier));
}
