import type { Medium, TierName } from '../core/types.ts';
import type { Speeds } from './speeds.ts';

export interface SourceSpeedsDeps {
  speeds: Speeds;
  sources: {
    locate(path: string): { medium: Medium } | null;
    /** Time of one small read from this source, ms; null when it cannot be measured. */
    probe(path: string): Promise<number | null>;
  };
}

interface Source {
  path: string;
  root: string;
}

/** Minimum size of a file for a probe, bytes: a read in a smaller one costs more than its copy, and shows less. */
const leastProbed = 1024 * 1024;

/** The speeds of the sources' media, compared with those of the tiers. */
export class SourceSpeeds {
  readonly #deps: SourceSpeedsDeps;

  constructor(deps: SourceSpeedsDeps) {
    this.#deps = deps;
  }

  /** Learns from the large reads of a finished copy, and from a small read made afterwards. @param readMs time spent reading */
  copied({ path, root }: Source, bytes: number, readMs: number): void {
    const { speeds, sources } = this.#deps;
    speeds.learn(root, bytes, readMs);
    const medium = sources.locate(path)?.medium;
    if (medium && bytes >= leastProbed)
      void sources.probe(path).then((ms) => ms !== null && speeds.learnSmallReads(root, medium, ms));
  }

  /** Learns from a restored compressed copy. @param ms duration of the whole restore */
  restored(tier: TierName, bytes: number, ms: number): void {
    this.#deps.speeds.learn(tier, bytes, ms);
  }

  /** Extra time of a byte from its source instead of a copy on the SSD, seconds; never 0. */
  readonly secondsPerByte = ({ path, root }: Source): number => {
    const { speeds, sources } = this.#deps;
    const medium = sources.locate(path)?.medium ?? 'hdd';
    return Math.max(speeds.secondsSaved({ root, medium }, 'ssd', 1), Number.EPSILON);
  };

  /** Sources with an equal pace are always equally fast. */
  readonly pace = ({ path, root }: Source): string => `${root}\0${this.#deps.sources.locate(path)?.medium ?? 'hdd'}`;

  /** The source's medium, if restoring its compressed copy is faster than reading it; else null. */
  slowerThanRestore({ path, root }: Source): Medium | null {
    const { speeds, sources } = this.#deps;
    const medium = sources.locate(path)?.medium ?? 'ssd';
    return medium !== 'ssd' && speeds.ofTier('cold') > speeds.of(root, medium) ? medium : null;
  }
}
