import type { PathContext } from './paths.ts';

/** One key of the configuration. */
export interface Key<V> {
  name: string;
  /** As a user writes it. An empty value means the default. */
  default: string;
  /** One line. */
  meaning: string;
  /** True when it may change at runtime. */
  live: boolean;
  /** @throws CacheError BAD_REQUEST */
  parse: (text: string, context: PathContext) => V;
}
