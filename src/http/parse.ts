import { isAbsolute } from 'node:path';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ClientInfo } from '../api/api.ts';
import { CacheError } from '../core/errors.ts';
import { processForm } from '../runtime/processes.ts';

/** JSON has no `undefined`: an absent field is absent, which zod's types do not express. */
type Present<T> = T extends readonly (infer Item)[]
  ? Present<Item>[]
  : T extends object
    ? { [K in keyof T]: Present<Exclude<T[K], undefined>> }
    : T;

/** Parses the body or query by `schema`. @throws CacheError BAD_REQUEST that names every wrong field. */
export function parse<T>(schema: z.ZodType<T>, input: unknown): Present<T> {
  const result = schema.safeParse(input ?? {});
  if (result.success) return result.data as Present<T>;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw new CacheError('BAD_REQUEST', problems.join('; '));
}

/** No path that a program can open contains a NUL or exceeds this length on any system. */
const text = z
  .string()
  .min(1)
  .max(32_767)
  .refine((value) => !value.includes('\0'), 'must not contain a NUL character');

export const name = text;
/** The text of a search. */
export const pattern = z.string().min(1).max(1024);
export const absolutePath = text.refine((value) => isAbsolute(value), 'must be an absolute path');
/** In decimal: a JSON number keeps fewer digits. */
export const nanoseconds = z.string().regex(/^-?\d{1,20}$/, 'must be nanoseconds in decimal');
/** The client of a body, with the process that its header names. */
export function clientOf<T extends ClientInfo | null>(client: T, { headers }: Pick<FastifyRequest, 'headers'>): T {
  const process = headers['x-autocached-process'];
  return client && typeof process === 'string' && processForm.test(process) ? { ...client, process } : client;
}

export const milliseconds = z.number().nonnegative().finite();
export const bytes = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
