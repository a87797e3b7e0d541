/** A workflow that may come next, and why. */
export interface Foreseen {
  /** 0 to 1. */
  probability: number;
  /** The three facts that speak for it most, the strongest first. */
  reasons: string[];
}

/** A source's content in the farm. */
export interface FarmSourceView {
  /** 64 hexadecimal digits. */
  content: string;
  /** Bytes that the last copy read from the source, and host -> bytes that other hosts gave; null when it was made without the farm. */
  from: { originBytes: number; peers: Record<string, number> } | null;
}

/** The SHA-256 beside a source, or in its name in the Hugging Face cache. */
export interface PublishedView {
  sha256: string;
  /** The file that states it. */
  from: string;
  /** Whether the copy, and so the source, has it; null while the copy's is unknown. */
  same: boolean | null;
}
