export const noAnswer = 'no answer in time';

/** Stands in answers of servers before their words. */
const codeForm = /^[A-Z]{3,20}(?= |$)/;

/**
 * Why a server cannot be asked, in words of ours. The words of a server are not passed on: some repeat the command that they did not
 * understand, and that may hold a password. For the same reason no cause is kept.
 */
export class RedisTrouble extends Error {
  /** Whether the server has answered: it is there, and refuses. */
  readonly isRefusal: boolean;

  constructor(message: string, { isRefusal = false }: { isRefusal?: boolean } = {}) {
    super(message);
    this.isRefusal = isRefusal;
  }
}

/** An error answer of a server. */
export function refusalOf(message: string): RedisTrouble {
  const code = codeForm.exec(message)?.[0];
  return new RedisTrouble(code === undefined ? 'it refuses' : `it refuses: ${code}`, { isRefusal: true });
}

/** An error of the connection. */
export function troubleOf(error: unknown): RedisTrouble {
  if (error instanceof RedisTrouble) return error;
  const { code } = error as { code?: unknown };
  return new RedisTrouble(typeof code === 'string' && /^[A-Z_]+$/.test(code) ? `no connection: ${code}` : 'no connection');
}
