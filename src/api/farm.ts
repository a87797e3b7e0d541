import type { ClaimCounts, FarmFigures, PeerErrorCounts } from '../core/farm.ts';

/** State of the farm's Redis: `connecting` until the first answer, `away` while it is left alone. */
type DirectoryState = 'connecting' | 'up' | 'away';

/** Answer of `GET /api/farm`. Everything but `on` and `shared` is empty without a farm. */
export interface FarmAnswer {
  on: boolean;
  /** The farm's name. */
  name: string | null;
  /** This host, as the others know it. */
  host: string | null;
  /** URL at which other hosts read from this one; null = it gives nothing. */
  url: string | null;
  directory: { state: DirectoryState; why: string | null } | null;
  /** Known hosts, this one included, by name. While the directory is away, the last known ones. */
  hosts: FarmHostView[];
  /** Contents that this host gives or fetches, the latest first; at most 50. */
  contents: FarmContentView[];
  /** Since the start of this daemon. */
  figures: FarmFigures;
  claims: ClaimCounts;
  peerErrors: PeerErrorCounts;
  /** The shared store; null = none. */
  shared: SharedView | null;
}

export interface FarmHostView extends FarmFigures {
  host: string;
  url: string | null;
  version: string;
  /** Bytes that its copies may take. */
  limit: number;
  isThis: boolean;
  /** Whether both hosts speak one version of the protocol; otherwise neither takes anything from the other. */
  isUnderstood: boolean;
}

export interface FarmContentView {
  path: string;
  /** The content's name in the farm, 64 hexadecimal digits. */
  content: string;
  size: number;
  chunks: number;
  /** Chunks on this host. */
  has: number;
  /** Hosts that have some of it, this one not among them. */
  hosts: FarmHolder[];
}

export interface FarmHolder {
  host: string;
  /** Chunks on that host. */
  has: number;
}

/** Answer of `GET /api/farm/locate`. */
export interface FarmLocateAnswer {
  path: string;
  /** Null when the farm knows no name for it: it was never copied here, or its source does not answer. */
  content: string | null;
  size: number | null;
  chunks: number | null;
  /** All hosts that have some of it, this one among them. */
  hosts: FarmHolder[];
  /** Whether the shared store has it; null without a store, or while it does not answer. */
  shared: boolean | null;
}

/** The store that hosts share copies in. */
export interface SharedView {
  /** Without parameters. */
  url: string;
  state: 'up' | 'away';
  why: string | null;
  /** Contents in the store and their bytes; `reserved`: bytes on their way there. */
  files: number;
  bytes: number;
  reserved: number;
  limit: number;
  /** Since the start of this daemon: bytes written to it and read from it, contents that left it. */
  writtenBytes: number;
  readBytes: number;
  evictions: number;
}
