/** Sources that programs still read from although their copies are ready. */

/** A source that a program has open, as it was when it was opened. */
interface OpenSource {
  path: string;
  size: number;
  mtimeNs: string;
}

/** A source that a program still reads from although its copy is ready. */
export interface StuckView {
  path: string;
  size: number;
  app: string;
  pid: number;
}

/** `POST /api/stuck`: all sources that a program has open, which it asked for before their copies were ready. */
export interface StuckRequest {
  client: { app: string; pid?: number };
  sources: OpenSource[];
}

export interface StuckAnswer {
  /** Paths of those whose copies are ready now. */
  stuck: string[];
  /** `auto`: the program is to let go of them as soon as it has nothing to do. */
  free: 'off' | 'auto';
}
