import { type Form, type TierName, tierNames } from './types.ts';

/** Tiers of one quota are on one volume and share one limit. */
interface Quota {
  /** The resource that a full quota lacks; also the reason of the eviction, in events and in the log. */
  resource: 'memory' | 'space';
  /** Settings that name the directory and the limit, for messages. */
  settings: { dir: string; limit: string };
}

/** The differences between tiers. Code checks a trait, never the name. */
export interface TierTraits {
  /** A loader can open its files directly. */
  servable: boolean;
  /** How its files hold the bytes of their sources. */
  form: Form;
  /** Nothing in it outlives the daemon. */
  volatile: boolean;
  /** Bytes written to it wear the SSD, and count against the bound of a day. */
  wears: boolean;
  /** Copies with the same bytes are hard links of one file in it. */
  links: boolean;
  quota: Quota;
  /**
   * Assumed read speed until one is measured, bytes per second; for the cold tier, of a whole restore to the SSD that it lies on
   * (`npm run bench -- restore`).
   */
  usualSpeed: number;
  /** End of its file names, after the name of the source. */
  suffix: string;
}

const memory: Quota = { resource: 'memory', settings: { dir: 'AUTOCACHE_RAM_DIR', limit: 'AUTOCACHE_RAM_LIMIT' } };
const disk: Quota = { resource: 'space', settings: { dir: 'AUTOCACHE_DIR', limit: 'AUTOCACHE_LIMIT' } };

/** One row for each tier; a new tier is a name in `tierNames`, a row here, and an implementation of `Tier`. */
export const tierTraits: Readonly<Record<TierName, Readonly<TierTraits>>> = {
  ram: {
    servable: true,
    form: 'plain',
    volatile: true,
    wears: false,
    links: false,
    quota: memory,
    usualSpeed: 8e9,
    suffix: '',
  },
  ssd: { servable: true, form: 'plain', volatile: false, wears: true, links: true, quota: disk, usualSpeed: 2e9, suffix: '' },
  cold: {
    servable: false,
    form: 'compressed',
    volatile: false,
    wears: true,
    links: false,
    quota: disk,
    usualSpeed: 0.7e9,
    suffix: '.zst',
  },
};

export function sharesQuota(a: TierName, b: TierName): boolean {
  return tierTraits[a].quota === tierTraits[b].quota;
}

/** The tiers that share the limit of a tier, itself among them, fastest first. */
export function sharingQuota(tier: TierName): TierName[] {
  return tierNames.filter((name) => sharesQuota(name, tier));
}
