/**
 * Every error that can reach a user has a code from this list. The table gives what its two translators need: the HTTP status,
 * and whether a retry can help.
 */
const table = {
  BAD_REQUEST: { status: 400, retry: false },
  BAD_CONFIG: { status: 400, retry: false },
  UNAUTHORIZED: { status: 401, retry: false },
  FORBIDDEN: { status: 403, retry: false },
  NOT_FOUND: { status: 404, retry: false },
  METHOD_NOT_ALLOWED: { status: 405, retry: false },
  REQUEST_TIMEOUT: { status: 408, retry: true },
  CONFLICT: { status: 409, retry: false },
  BODY_TOO_LARGE: { status: 413, retry: false },
  NOT_JSON: { status: 415, retry: false },
  HASH_MISMATCH: { status: 422, retry: false },
  HEADERS_TOO_LARGE: { status: 431, retry: false },
  RATE_LIMITED: { status: 429, retry: true },
  NO_COPY: { status: 409, retry: true },
  LEASE_LOST: { status: 409, retry: false },
  BUSY: { status: 503, retry: true },
  INTERNAL: { status: 500, retry: false },
  NO_SPACE: { status: 507, retry: true },
  NOT_ADMITTED: { status: 507, retry: true },
  TOO_LARGE: { status: 507, retry: false },
  SOURCE_MISSING: { status: 404, retry: true },
  SOURCE_AWAY: { status: 503, retry: true },
  SOURCE_IO: { status: 502, retry: true },
  NOT_PERMITTED: { status: 403, retry: true },
  SOURCE_CHANGED: { status: 409, retry: true },
  CACHE_AWAY: { status: 503, retry: true },
  CACHE_IO: { status: 500, retry: true },
  CORRUPT: { status: 500, retry: false },
  CANCELLED: { status: 409, retry: true },
  IN_USE: { status: 409, retry: true },
  ALREADY_RUNNING: { status: 409, retry: false },
  NOT_RUNNING: { status: 503, retry: true },
  UPSTREAM_AWAY: { status: 502, retry: true },
  UPSTREAM_SILENT: { status: 504, retry: true },
  PROMPT_REFUSED: { status: 400, retry: false },
  PROMPT_FAILED: { status: 502, retry: false },
} as const;

export type ErrorCode = keyof typeof table;

export const errorCodes = Object.keys(table) as ErrorCode[];

/** The HTTP status of an error. */
export function statusOf(code: ErrorCode): number {
  return table[code].status;
}

export interface ErrorBody {
  code: ErrorCode;
  message: string;
  /** The remedy. */
  hint: string | null;
}

/** An error for users. Anything else that is thrown is a fault of the program and is shown as `INTERNAL`. */
export class CacheError extends Error {
  override name = 'CacheError';
  readonly code: ErrorCode;
  readonly hint: string | null;

  /** @param options `lines`: follow the message, each in a line of its own; a name with a line break in it makes none */
  constructor(code: ErrorCode, message: string, options: { lines?: readonly string[]; hint?: string; cause?: unknown } = {}) {
    const { lines = [], cause } = options;
    super([message, ...lines].map(inOneLine).join(lineBreak), cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = options.hint ?? null;
  }

  get status(): number {
    return statusOf(this.code);
  }

  get body(): ErrorBody {
    return { code: this.code, message: this.message, hint: this.hint };
  }
}

const lineBreak = '\n  ';

function inOneLine(text: string): string {
  return text.replace(/\s*[\r\n]\s*/g, ' ');
}

/** Splits a message from the wire into the message and its lines. */
export function linesOf(message: string): [message: string, lines: string[]] {
  const [first = '', ...lines] = message.split(lineBreak);
  return [first, lines];
}

/** True for an error after which the same attempt may succeed later. */
export function isRetryable(code: ErrorCode): boolean {
  return table[code].retry;
}

/** The thrown thing as a `CacheError`: itself, or `INTERNAL` around it. */
export function toCacheError(thrown: unknown): CacheError {
  if (thrown instanceof CacheError) return thrown;
  return new CacheError('INTERNAL', sentenceOf(thrown), { cause: thrown });
}

/** The message of anything that can be thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

const systemError = /^E[A-Z0-9]+: ([^,]+), \w+(?: '(.*?)')?(?: -> '.*')?$/s;

/** The same for people: the file system's message, path first and without the names of its calls. */
export function sentenceOf(thrown: unknown): string {
  const [, what, path] = systemError.exec(messageOf(thrown)) ?? [];
  return what === undefined || path === undefined ? troubleOf(thrown) : `${path}: ${what}`;
}

/** The same without the path, for output that names the path beside it. */
export function troubleOf(thrown: unknown): string {
  const message = messageOf(thrown);
  const [, what] = systemError.exec(message) ?? [];
  return what ?? message;
}
