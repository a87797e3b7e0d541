import { isAbsolute, sep } from 'node:path';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ClientInfo } from '../api/api.ts';
import { CacheError } from '../core/errors.ts';
import { processForm } from '../runtime/processes.ts';

/** JSON has no `undefined`: an absent field is absent, which zod's types do not express. */
export type Present<T> = T extends readonly (infer Item)[]
  ? Present<Item>[]
  : T extends object
    ? { [K in keyof T]: Present<Exclude<T[K], undefined>> }
    : T;

/** Maximum items of one field, and maximum reported problems: describing a million takes seconds. */
const mostItems = 100_000;
const mostProblems = 20;

/** @throws CacheError BAD_REQUEST */
function assertBounded(input: unknown): void {
  if (typeof input !== 'object' || input === null) return;
  for (const [name, value] of Object.entries(input)) {
    if (Array.isArray(value) && value.length > mostItems)
      throw new CacheError('BAD_REQUEST', `${name}: must not have more than ${mostItems} items`);
  }
}

/** Parses the body or query by `schema`. @throws CacheError BAD_REQUEST that names every wrong field, up to twenty. */
export function parse<T>(schema: z.ZodType<T>, input: unknown): Present<T> {
  assertBounded(input);
  const result = schema.safeParse(input === undefined ? {} : input);
  if (result.success) return result.data as Present<T>;
  const { issues } = result.error;
  const problems = issues.slice(0, mostProblems).map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  if (issues.length > mostProblems) problems.push(`and ${issues.length - mostProblems} more`);
  throw new CacheError('BAD_REQUEST', problems.join('; '));
}

/** No path that a program can open contains a NUL or exceeds this length on any system. */
const text = z
  .string()
  .min(1)
  .max(32_767)
  .refine((value) => !value.includes('\0'), 'must not contain a NUL character')
  .meta({ pattern: '^[^\\u0000]*$' });

export const name = text;
/** The text of a search. */
export const pattern = z.string().min(1).max(1024);
export const absolutePath = text
  .refine((value) => isAbsolute(value), 'must be an absolute path')
  .meta({ pattern: sep === '/' ? '^/[^\\u0000]*$' : '^(?:[A-Za-z]:)?[\\\\/][^\\u0000]*$' });
/** Nanoseconds in decimal: a JSON number keeps fewer digits. */
export const nanoseconds = z.string().regex(/^-?\d{1,20}$/, 'must be nanoseconds in decimal');
/** The client of a body, with the process that its header names. */
export function clientOf<T extends ClientInfo | null>(client: T, { headers }: Pick<FastifyRequest, 'headers'>): T {
  const process = headers['x-autocached-process'];
  return client && typeof process === 'string' && processForm.test(process) ? { ...client, process } : client;
}

export const milliseconds = z.number().nonnegative().finite();
export const bytes = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
