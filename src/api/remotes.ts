import type { RootHealth } from '../core/vocabulary.ts';

/** A place of models that is no directory: a bucket, a repository, a file of a web server. */
export interface RemoteView {
  name: string;
  /** Without parameters. */
  url: string;
  driver: 's3' | 'http';
  /** The directory of its placeholders. */
  path: string;
  /** Category of all its files; null = the first folder names it. */
  category: string | null;
  health: RootHealth;
  why: string | null;
  /** Number of files; null = not listed yet. */
  files: number | null;
  /** Reads from it by month, the present one first. */
  months: RemoteMonth[];
  /** Maximum bytes a month of reads that no program waits for; null = no limit. */
  monthlyLimit: number | null;
}

export interface RemoteMonth {
  /** `2026-11`, UTC. */
  month: string;
  bytes: number;
  requests: number;
  /** Null without a price. */
  cost: { amount: number; currency: string } | null;
}

export interface RemotesAnswer {
  remotes: RemoteView[];
}

/** The header of a safetensors file on a remote. */
export interface RemoteHeaderAnswer {
  path: string;
  /** Size of the whole file, bytes. */
  size: number;
  header: Record<string, unknown>;
}
