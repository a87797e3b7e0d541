import { CacheError, type ErrorCode } from '../../../core/errors.ts';

const kinds = {
  /** It asks for fewer requests: SlowDown, 429, 503. */
  slow: { look: 'SOURCE_AWAY', read: 'SOURCE_AWAY', again: true },
  /** It does not answer, or breaks off. */
  away: { look: 'SOURCE_AWAY', read: 'SOURCE_AWAY', again: true },
  /** It answers with an error, or with other contents than requested. */
  broken: { look: 'SOURCE_AWAY', read: 'SOURCE_IO', again: true },
  denied: { look: 'NOT_PERMITTED', read: 'NOT_PERMITTED', again: false },
  missing: { look: 'SOURCE_AWAY', read: 'SOURCE_MISSING', again: false },
  changed: { look: 'SOURCE_CHANGED', read: 'SOURCE_CHANGED', again: false },
  /** Retrying cannot help: it does not serve ranges, or redirects to a forbidden address. */
  unfit: { look: 'SOURCE_AWAY', read: 'SOURCE_IO', again: false },
  cancelled: { look: 'CANCELLED', read: 'CANCELLED', again: false },
} as const satisfies Record<string, { look: ErrorCode; read: ErrorCode; again: boolean }>;

type FailureKind = keyof typeof kinds;

interface FailureOptions {
  /** Minimum pause that the server asks for, ms. */
  retryAfterMs?: number | null;
  hint?: string;
}

/**
 * One attempt at a remote failed. The message is ours and never the server's or a library's, which may repeat a signed address or a
 * token. For the same reason it has no `cause`.
 */
export class RemoteFailure extends Error {
  override name = 'RemoteFailure';
  readonly kind: FailureKind;
  readonly retryAfterMs: number | null;
  readonly #hint: string | undefined;

  constructor(kind: FailureKind, message: string, { retryAfterMs = null, hint }: FailureOptions = {}) {
    super(message);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
    this.#hint = hint;
  }

  /** Whether the same request may succeed in a moment. */
  get mayPass(): boolean {
    return kinds[this.kind].again;
  }

  /** @param asked whether names or contents were read: a server's error counts as the volume's or the file's */
  toCacheError(asked: 'look' | 'read'): CacheError {
    const code = kinds[this.kind][asked];
    return new CacheError(code, this.message, this.#hint === undefined ? {} : { hint: this.#hint });
  }
}

/** Converts failures to errors for users. */
export async function inWords<T>(asked: 'look' | 'read', work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RemoteFailure) throw error.toCacheError(asked);
    if (error instanceof Error && error.name === 'AbortError') throw new CacheError('CANCELLED', 'it was cancelled');
    throw error;
  }
}

/** Converts a missing object to an answer. */
export async function orAbsent<T>(look: () => Promise<T>): Promise<T | { is: 'absent' }> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof RemoteFailure && error.kind === 'missing') return { is: 'absent' };
    throw error;
  }
}

/** The failure that an HTTP status means; null for success. */
export function failureOfStatus(status: number, where: string, retryAfter: string | null): RemoteFailure | null {
  if (status >= 200 && status < 300) return null;
  const retryAfterMs = pauseOf(retryAfter);
  if (status === 429 || status === 503)
    return new RemoteFailure('slow', `${where} asks for fewer requests (${status})`, { retryAfterMs });
  if (status === 401 || status === 403)
    return new RemoteFailure('denied', `${where} refuses access (${status})`, { hint: accessHint });
  if (status === 404 || status === 410) return new RemoteFailure('missing', `${where} is not there (${status})`);
  if (status === 412) return new RemoteFailure('changed', `${where} changed while it was read`);
  if (status === 408 || status >= 500)
    return new RemoteFailure('broken', `${where} answers with an error (${status})`, { retryAfterMs });
  return new RemoteFailure('unfit', `${where} does not understand the request (${status})`);
}

const accessHint = 'Check the credentials of this remote, and whether they may read it: autocached remote check.';

/** `Retry-After`: seconds, or a date. */
function pauseOf(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const ms = /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
