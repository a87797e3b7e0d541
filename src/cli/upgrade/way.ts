/** How this copy of the program was installed, and so how a newer one takes its place. */
export interface Way {
  /** For people: `npm, in /usr/local`. */
  says: string;
  /** @throws CacheError when it cannot be told */
  newest(): Promise<Newest>;
  /** What is done, or is to be done by hand: one command or sentence each. */
  steps(version: string): string[];
  /** Puts the newer program into the place of this one. Null = it cannot be done from here, and the steps say how it is done. */
  replace: ((version: string) => Promise<Replaced>) | null;
}

export interface Newest {
  version: string;
  isNewer: boolean;
  /** What is new where the version does not say it: `3 commits`. */
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
  /** Of a release, to install in place of what the registry has. */
  archive: string | null;
}
