/** The way this copy of the program was installed, and so the way a newer one replaces it. */
export interface Way {
  /** The way for people: `npm, in /usr/local`. */
  says: string;
  /** @throws CacheError when it cannot be found */
  newest(): Promise<Newest>;
  /** The steps, done here or by hand: one command or sentence each. */
  steps(version: string): string[];
  /** Replaces this program by the newer one. Null = it cannot be done from here, and the steps tell how. */
  replace: ((version: string) => Promise<Replaced>) | null;
}

export interface Newest {
  version: string;
  isNewer: boolean;
  /** News that the version does not show: `3 commits`. */
  says?: string;
}

/** The newer program is in its place, and the older one is still there. */
export interface Replaced {
  /** Puts the older one back. */
  undo(): Promise<void>;
  /** Removes the older one. */
  keep(): Promise<void>;
}

/** This copy of the program. */
export interface Installed {
  /** The directory of its package. */
  dir: string;
  version: string;
  /** Path of a release, to install in place of the registry's version. */
  archive: string | null;
}
