/** Whether a value, mostly one parsed from JSON, is of a type. Threads check with these: zod takes ten megabytes of each that loads it. */
export type Check<T> = (value: unknown) => value is T;

/** A check for each field of an object. */
export type Fields<T> = { [Name in keyof T]-?: Check<Exclude<T[Name], undefined>> };

export const isString: Check<string> = (value): value is string => typeof value === 'string';
export const isName: Check<string> = (value): value is string => typeof value === 'string' && value !== '';

export function isExactly<const T>(expected: T): Check<T> {
  return (value): value is T => value === expected;
}

export function isInteger(from = 0, to = Number.MAX_SAFE_INTEGER): Check<number> {
  return (value): value is number => Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to;
}

export function isMatch(pattern: RegExp): Check<string> {
  return (value): value is string => typeof value === 'string' && pattern.test(value);
}

export function isNullOr<T>(check: Check<T>): Check<T | null> {
  return (value): value is T | null => value === null || check(value);
}

/** The check for a field that may be left out. */
export function isOptional<T>(check: Check<T>): Check<T> {
  return (value): value is T => value === undefined || check(value);
}

/** An object with these fields, and perhaps others. */
export function isShaped<T extends object>(fields: Fields<T>): Check<T> {
  return (value): value is T => typeof value === 'object' && value !== null && wrongField(fields, value) === undefined;
}

/** The name of the first field that is wrong or missing. */
export function wrongField<T extends object>(fields: Fields<T>, value: object): string | undefined {
  const checks = Object.entries<Check<unknown>>(fields);
  return checks.find(([name, check]) => !check((value as Record<string, unknown>)[name]))?.[0];
}
