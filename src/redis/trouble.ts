export const noAnswer = 'no answer in time';

/** The error code at the beginning of a server's error. */
const codeForm = /^[A-Z]{3,20}(?= |$)/;

/**
 * Why a server cannot be asked, in our own words. Messages of a server are not passed on: some repeat the command that they did not
 * understand, which may hold a password. For the same reason no cause is kept.
 */
export class RedisTrouble extends Error {
  /** Whether the server has answered, with a refusal. */
  readonly isRefusal: boolean;
  /** Whether an ACL forbids this user the command or the key. */
  readonly isForbidden: boolean;

  constructor(message: string, { isRefusal = false, isForbidden = false } = {}) {
    super(message);
    this.isRefusal = isRefusal;
    this.isForbidden = isForbidden;
  }
}

/** An error answer of a server. */
export function refusalOf(message: string): RedisTrouble {
  const code = codeForm.exec(message)?.[0];
  const why = code === undefined ? 'it refuses' : `it refuses: ${code}`;
  return new RedisTrouble(why, { isRefusal: true, isForbidden: code === 'NOPERM' });
}

/** An error of the connection. */
export function troubleOf(error: unknown): RedisTrouble {
  if (error instanceof RedisTrouble) return error;
  const { code } = error as { code?: unknown };
  return new RedisTrouble(typeof code === 'string' && /^[A-Z_]+$/.test(code) ? `no connection: ${code}` : 'no connection');
}
