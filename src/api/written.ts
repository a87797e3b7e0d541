import type { Fingerprint } from '../core/types.ts';

/** A file that a program wrote beside copies, where it would have written beside the source (`GET /api/cache/written`). */
export interface WrittenFile {
  /** Its present path. */
  path: string;
  /** Its path beside the source, where it belongs. */
  source: string;
  /** The model folder that `source` is in. */
  root: string;
  bytes: number;
  mtimeNs: string;
  /**
   * The source's own file of that name as it was when it was copied, before the program wrote to the copy; null where there was
   * none.
   */
  was: Fingerprint | null;
}

export interface WrittenAnswer {
  files: WrittenFile[];
}

/** Body of `POST /api/cache/written`: these files are beside their sources now, as they were listed. */
export interface BroughtBackRequest {
  files: Pick<WrittenFile, 'path' | 'bytes' | 'mtimeNs'>[];
}
