import type { Medium, TierName } from '../core/types.ts';
import type { Speeds } from './speeds.ts';

export interface SourceSpeedsDeps {
  speeds: Speeds;
  sources: {
    locate(path: string): { medium: Medium } | null;
    /** How long this source takes for one small read, ms; null where that cannot be told. */
    probe(path: string): Promise<number | null>;
  };
}

interface Source {
  path: string;
  root: string;
}

/** The speeds of the media that sources lie on, and how they compare with those of the tiers. */
export class SourceSpeeds {
  readonly #deps: SourceSpeedsDeps;

  constructor(deps: SourceSpeedsDeps) {
    this.#deps = deps;
  }

  /** A source was copied: learns from its large reads, and from a small one made now. @param readMs time spent in reading alone */
  copied({ path, root }: Source, bytes: number, readMs: number): void {
    const { speeds, sources } = this.#deps;
    speeds.learn(root, bytes, readMs);
    const medium = sources.locate(path)?.medium;
    if (medium) void sources.probe(path).then((ms) => ms !== null && speeds.learnSmallReads(root, medium, ms));
  }

  /** A compressed copy was restored. @param ms all the time that it took */
  restored(tier: TierName, bytes: number, ms: number): void {
    this.#deps.speeds.learn(tier, bytes, ms);
  }

  /** How much longer a byte takes from its source than from a copy on the SSD, seconds; never 0. */
  readonly secondsPerByte = ({ path, root }: Source): number => {
    const { speeds, sources } = this.#deps;
    const medium = sources.locate(path)?.medium ?? 'hdd';
    return Math.max(speeds.secondsSaved({ root, medium }, 'ssd', 1), Number.EPSILON);
  };

  /** What the source lies on, if restoring a compressed copy of it takes less time than reading it; else null. */
  slowerThanRestore({ path, root }: Source): Medium | null {
    const { speeds, sources } = this.#deps;
    const medium = sources.locate(path)?.medium ?? 'ssd';
    return medium !== 'ssd' && speeds.ofTier('cold') > speeds.of(root, medium) ? medium : null;
  }
}
