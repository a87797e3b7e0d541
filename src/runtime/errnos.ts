import { constants } from 'node:os';

/** The meaning of an error of the file system, for a file or for its volume. */
export type ErrnoMeaning =
  /** No such file or directory. */
  | 'missing'
  /** The volume or the server behind it does not answer: the state of the file is unknown. */
  | 'away'
  | 'denied'
  /** A read or write failed: for a file a bad sector, for a whole share as likely an outage. */
  | 'io'
  /** The disk is full, or this user's quota. */
  | 'full'
  | 'read-only'
  /** Another program holds it at present. */
  | 'in-use'
  /** The file system does not allow that name. */
  | 'bad-name'
  /** This file system cannot do that, or not with this file. */
  | 'unsupported';

/** The one list: POSIX, and the names that Node gives to the errors of Windows. */
const namesOf: Record<ErrnoMeaning, string[]> = {
  missing: ['ENOENT', 'ENOTDIR'],
  away: [
    ...['ESTALE', 'ENODEV', 'ENXIO', 'ENOMEDIUM', 'ENOTCONN', 'ESHUTDOWN', 'ENOLINK', 'ENONET', 'ECOMM'],
    ...['ETIMEDOUT', 'ETIME', 'EHOSTDOWN', 'EHOSTUNREACH', 'ENETDOWN', 'ENETUNREACH', 'ENETRESET'],
    ...['ECONNREFUSED', 'ECONNABORTED', 'ECONNRESET'],
    // A share whose session ended needs its keys again; the file is unchanged.
    ...['ENOKEY', 'EKEYEXPIRED', 'EKEYREVOKED'],
    // Windows: a drive that is not ready and an unknown network path have no other name.
    'UNKNOWN',
  ],
  denied: ['EACCES', 'EPERM'],
  io: ['EIO', 'EREMOTEIO', 'EUCLEAN', 'EBADMSG'],
  full: ['ENOSPC', 'EDQUOT'],
  'read-only': ['EROFS'],
  'in-use': ['EBUSY', 'ETXTBSY'],
  'bad-name': ['ENAMETOOLONG', 'ELOOP', 'EILSEQ'],
  unsupported: ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EMLINK', 'EXDEV', 'EFBIG'],
};

const meanings = new Map(
  Object.entries(namesOf).flatMap(([meaning, names]) => names.map((name) => [name, meaning as ErrnoMeaning] as const)),
);

/** Node reports an error without a name by its number: `Unknown system error -116`. */
const byNumber = new Map([
  ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
  ...(process.platform === 'linux'
    ? ([
        [70, 'ECOMM'],
        [117, 'EUCLEAN'],
        [123, 'ENOMEDIUM'],
        [126, 'ENOKEY'],
        [127, 'EKEYEXPIRED'],
        [128, 'EKEYREVOKED'],
      ] as const)
    : []),
]);

/** The name of a system error (`ENOENT`, `ESTALE`, …), or Node's code of any other; undefined without one. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code, errno } = thrown as NodeJS.ErrnoException;
  if (typeof code !== 'string' || !code.startsWith('Unknown system error')) return code;
  return byNumber.get(-(errno ?? 0)) ?? code;
}

/** The meaning of a system error, given as it was thrown or by its name; null for everything else. */
export function meaningOf(error: unknown): ErrnoMeaning | null {
  return meanings.get((typeof error === 'string' ? error : errnoOf(error)) ?? '') ?? null;
}
