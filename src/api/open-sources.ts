/** Sources that programs still read from although their copies are ready. */

/** A source opened by a program, with its stat at that time. */
interface OpenSource {
  path: string;
  size: number;
  mtimeNs: string;
}

/** A source that a program still reads although its copy is ready. */
export interface StuckView {
  path: string;
  size: number;
  app: string;
  pid: number;
}

/** `POST /api/stuck`: all sources that a program has open and asked for before their copies were ready. */
export interface StuckRequest {
  client: { app: string; pid?: number };
  sources: OpenSource[];
}

export interface StuckAnswer {
  /** Paths of those with a ready copy. */
  stuck: string[];
  /** `auto`: the program should close them as soon as it is idle. */
  free: 'off' | 'auto';
}
