import type { RootHealth } from '../core/vocabulary.ts';

/** A place of models that is no directory: a bucket, a repository, a file of a web server. */
export interface RemoteView {
  name: string;
  /** Without parameters. */
  url: string;
  driver: 's3' | 'http';
  /** The directory of its placeholders. */
  path: string;
  /** Of all its files; null = the first folder names it. */
  category: string | null;
  health: RootHealth;
  why: string | null;
  /** Null = not listed yet. */
  files: number | null;
  /** What was read from it in each month, the present one first. */
  months: RemoteMonth[];
  /** Most bytes a month that are read without a program that waits; null = no bound. */
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

/** The header of a safetensors file on a remote, as its bytes say. */
export interface RemoteHeaderAnswer {
  path: string;
  /** Of the whole file, bytes. */
  size: number;
  header: Record<string, unknown>;
}
