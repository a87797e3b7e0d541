import type { MemoWireOptions } from './memo-wire.ts';

export interface MemoOptions extends MemoWireOptions {
  /** 1 to 100 letters, digits, dots, colons, hyphens or underscores, the first one a letter or a digit. */
  namespace: string;
  /** Part of every key: another version finds none of the results of this one. Default: that of the namespace. */
  version?: string;
  /** Called once for each reason why a result is not kept. Default: a warning of the process. */
  onWarning?: (message: string) => void;
}

/** How a result is kept. Times are ms, or `"10m"`. */
export interface KeepOptions<T> {
  /** Time for which it is fresh; `"none"` = without end. It may depend on the result. Default: as in the namespace. */
  ttl?: number | string | ((result: T) => number | string);
  /** Time for which it is served after that, while one program computes it again. */
  stale?: number | string;
  tags?: readonly string[];
  /** Files that it came from: when one is replaced, the result is gone. Absolute paths. */
  deps?: readonly string[];
  /** A label for lists of results; it is kept as it is. */
  label?: string;
  /** A further part of the key that may be in other words, if the namespace compares texts. */
  text?: string;
  /** Whether the result says that there is none; it is kept only as the namespace says. */
  negative?: (result: T) => boolean;
  /** Longest wait for another program that computes it, ms; default 10 minutes. Then it is computed here, too. */
  waitMs?: number;
}

export interface MemoizeOptions<A extends unknown[], T> extends Omit<KeepOptions<T>, 'tags' | 'deps' | 'label' | 'text'> {
  /** Its name in keys; default: the function's own. */
  name?: string;
  /** The whole key, as JSON, in place of name and arguments: everything that can change the result. */
  key?: (...args: A) => unknown;
  tags?: (...args: A) => readonly string[];
  deps?: (...args: A) => readonly string[];
  label?: (...args: A) => string;
  /** Only with `key`, which must not contain the text: other words would be another key. */
  text?: (...args: A) => string;
}

/** A function whose results are kept. */
export interface Memoized<A extends unknown[], T> {
  (...args: A): Promise<T>;
  /** Names the result of these arguments: `memo.invalidate(await f.parts(…))`. */
  parts(...args: A): Promise<Pick<Invalidate, 'parts' | 'text'>>;
}

/** Conditions for the results to remove; all must hold. */
export interface Invalidate {
  /** The parts of one result, as `getOrCompute` was given them. */
  parts?: unknown;
  /** The text of a result that was stored with `parts` and a text. */
  text?: string;
  tags?: string[];
  deps?: string[];
  keys?: string[];
  olderThanMs?: number;
  all?: true;
  dryRun?: boolean;
}
