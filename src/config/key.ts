import type { PathContext } from './paths.ts';

/** One key of the configuration. */
export interface Key<V> {
  name: string;
  /** The default as a user writes it. An empty value means the default. */
  default: string;
  /** One line. */
  meaning: string;
  /** True when it may change at runtime. */
  live: boolean;
  /** All values that there are, where they are a closed list. */
  choices?: readonly string[];
  /** @throws CacheError BAD_REQUEST */
  parse: (text: string, context: PathContext) => V;
}
