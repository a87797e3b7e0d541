import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { namespaceForm, namespaceWords } from '../api/memo.ts';
import { CacheError } from '../core/errors.ts';
import { parseDuration } from '../core/units.ts';
import type { Question } from '../memo/find.ts';
import { fieldTexts } from '../memo/json-text.ts';
import { keyOf, sha256Form } from '../memo/keys.ts';
import type { PutRequest } from '../memo/put.ts';
import type { AskedText } from '../memo/similar/asked-text.ts';
import type { Given } from '../memo/values.ts';
import { milliseconds, type Present, parse } from './parse.ts';

export const namespace = z.string().regex(namespaceForm, `must be ${namespaceWords}`);
export const sha256 = z.string().regex(sha256Form, 'must be 64 hexadecimal digits in lower case');
export const tags = z.array(z.string().min(1).max(200)).max(100);
export const deps = z
  .array(
    z
      .string()
      .max(4101)
      .refine(
        (dep) => dep.startsWith('file:') && isAbsolute(dep.slice(5)) && !dep.includes('\0'),
        'must be file: and an absolute path',
      ),
  )
  .max(100);

/** Maximum lifetime, a hundred years, ms. */
const longestMs = 100 * 365 * 24 * 3600 * 1000;

/** `10m`, ms, and `none` for without end. */
export const lifetime = z.union([z.string().max(100), milliseconds]);

const text = z.string().min(1).max(32_768);

/**
 * Fields of all questions: the key, or the parts that it is made of. Without `version`, that of the namespace counts. `text` is a part that
 * may differ in wording, if the namespace compares texts.
 */
const keyed = {
  ns: namespace,
  key: sha256.optional(),
  parts: z.unknown().optional(),
  version: z.string().max(200).optional(),
  text: text.optional(),
};
const as = z.enum(['value', 'path']).default('value');

export const getBody = z.strictObject({ ...keyed, keys: z.array(sha256).min(1).max(500).optional(), as });

export const takeBody = z.strictObject({
  ...keyed,
  as,
  waitMs: z.number().int().min(0).max(3_600_000).default(30_000),
  leaseMs: z.number().int().min(100).max(600_000).default(30_000),
  pid: z.number().int().positive().optional(),
});

const contentType = z
  .string()
  .regex(/^[\w.+-]+\/[\w.+-]+(?:;.*)?$/)
  .max(200)
  .optional();

/** Of a file that `stage` has given. */
export const stagedName = z.string().max(100);

export const putBody = z.strictObject({
  ...keyed,
  lease: z.string().max(100).nullish(),
  value: z.unknown().optional(),
  blob: sha256.optional(),
  staged: stagedName.optional(),
  contentType,
  files: z
    .array(z.strictObject({ name: z.string().min(1).max(1000), sha256, contentType }))
    .min(1)
    .max(1000)
    .optional(),
  ttl: lifetime.optional(),
  stale: lifetime.optional(),
  tags: tags.default([]),
  deps: deps.default([]),
  costMs: milliseconds.max(longestMs).optional(),
  label: z.string().max(500).optional(),
  negative: z.boolean().default(false),
  verdict: z.strictObject({ key: sha256, right: z.boolean() }).optional(),
});

export const similarBody = z.strictObject({
  ns: namespace,
  parts: keyed.parts,
  version: keyed.version,
  text,
  limit: z.number().int().min(1).max(100).default(5),
});

const webAddress = z
  .string()
  .max(8192)
  .refine((url) => /^https?:\/\//.test(url) && URL.canParse(url), 'must be an address that begins with http:// or https://');

const warmItem = putBody.omit({ staged: true }).extend({ url: webAddress.optional() });

/** Gives the version of a namespace. */
type VersionOf = (ns: string) => string;

/** A body, parsed and as it was written. */
export interface Written {
  body?: unknown;
  bodyText: string;
}

interface Keyed {
  ns: string;
  key?: string;
  version?: string;
  text?: string;
}

/**
 * The key of a body. A text is a part of the key beside the others, and all of these together are its scope.
 * @throws CacheError BAD_REQUEST unless there is exactly one of `key` and `parts`; for a text `parts` may be left out
 */
function keyIn(body: Keyed, texts: Map<string, string>, versionOf: VersionOf): { key: string; asked?: AskedText } {
  const { ns, key, version = versionOf(ns), text } = body;
  const parts = texts.get('parts');
  if (text !== undefined) {
    if (key !== undefined) throw new CacheError('BAD_REQUEST', 'give text with parts: a key of your own has it already');
    const whole = `[${parts ?? 'null'},${JSON.stringify({ $text: text })}]`;
    return { key: keyOf(ns, version, whole), asked: { text, scope: keyOf(ns, version, parts ?? 'null') } };
  }
  if ((key === undefined) === (parts === undefined)) throw new CacheError('BAD_REQUEST', 'give either key or parts');
  return { key: key ?? keyOf(ns, version, parts ?? 'null') };
}

/** The questions of a `get`; `many` when it asked for a list. */
export function readGet(written: Written, versionOf: VersionOf): { questions: Question[]; many: boolean } {
  const body = parse(getBody, written.body);
  const texts = fieldTexts(written.bodyText);
  const { ns, keys, as: form } = body;
  if (keys === undefined) return { questions: [{ ns, ...keyIn(body, texts, versionOf), as: form }], many: false };
  if (body.key !== undefined || body.text !== undefined || texts.has('parts'))
    throw new CacheError('BAD_REQUEST', 'give keys alone, or one key or parts');
  return { questions: keys.map((key) => ({ ns, key, as: form })), many: true };
}

export function readTake(
  written: Written,
  versionOf: VersionOf,
): { question: Question; waitMs: number; leaseMs: number; pid: number | null } {
  const body = parse(takeBody, written.body);
  const { ns, as: form, waitMs, leaseMs, pid = null } = body;
  return { question: { ns, ...keyIn(body, fieldTexts(written.bodyText), versionOf), as: form }, waitMs, leaseMs, pid };
}

/** The question of a `similar`; without parts it covers every scope. */
export function readSimilar(
  written: Written,
  versionOf: VersionOf,
): { ns: string; asked: { text: string; scope: string | null }; most: number } {
  const { ns, text, version = versionOf(ns), limit: most } = parse(similarBody, written.body);
  const parts = fieldTexts(written.bodyText).get('parts');
  return { ns, asked: { text, scope: parts === undefined ? null : keyOf(ns, version, parts) }, most };
}

export function readPut(written: Written, versionOf: VersionOf): PutRequest {
  const { staged, ...body } = parse(putBody, written.body);
  const { given: named, ...request } = readResult(body, fieldTexts(written.bodyText), versionOf);
  const file = staged === undefined ? null : { staged, contentType: body.contentType };
  const given = named ?? file;
  if (given === null || (named && file)) throw notOne();
  return { ...request, given };
}

/** A result that may be missing, and its address. */
export interface Warm extends Omit<PutRequest, 'given'> {
  given: Given | null;
  url: string | null;
}

/** Bytes from an address are the result of `{"url": …}`, unless the item has a key of its own. */
export function readWarm(written: Written, versionOf: VersionOf): Warm {
  const { url = null, ...body } = parse(warmItem, written.body);
  const texts = fieldTexts(written.bodyText);
  if (url !== null && body.key === undefined && !texts.has('parts')) texts.set('parts', JSON.stringify({ url }));
  const result = readResult(body, texts, versionOf);
  if (url !== null && result.given !== null) throw new CacheError('BAD_REQUEST', 'give either a url or a result');
  return { ...result, url };
}

function readResult(
  body: Present<z.output<typeof warmItem>>,
  texts: Map<string, string>,
  versionOf: VersionOf,
): Omit<PutRequest, 'given'> & { given: Given | null } {
  const { ns, lease, tags: tagged, deps: on, costMs, label, negative, ttl, stale, verdict } = body;
  return {
    ns,
    ...keyIn(body, texts, versionOf),
    given: givenIn(body, texts.get('value')),
    lease: lease ?? null,
    tags: tagged,
    deps: on,
    costMs: costMs === undefined ? null : Math.round(costMs),
    label: label ?? null,
    negative,
    ...(verdict && { verdict }),
    ...lifetimesOf({ ttl, stale }),
  };
}

/** Fields left out are as in the namespace. @throws CacheError BAD_REQUEST */
export function lifetimesOf({ ttl, stale }: { ttl?: string | number | undefined; stale?: string | number | undefined }): {
  ttlMs?: number | null;
  staleMs?: number;
} {
  return {
    ...(ttl !== undefined && { ttlMs: lifetimeMs(ttl, 'ttl') }),
    ...(stale !== undefined && { staleMs: lifetimeMs(stale, 'stale') ?? longestMs }),
  };
}

function givenIn(
  {
    blob,
    contentType: type,
    files,
  }: { blob?: string; contentType?: string; files?: Extract<Given, { files: unknown }>['files'] },
  value: string | undefined,
): Given | null {
  const given = [value, blob, files].filter((one) => one !== undefined);
  if (given.length > 1) throw notOne();
  if (value !== undefined) return { value };
  if (files !== undefined) return { files };
  return blob === undefined ? null : { blob, contentType: type };
}

function notOne(): CacheError {
  return new CacheError('BAD_REQUEST', 'give exactly one of value, blob, staged and files');
}

/** Ms; null = without end. @throws CacheError BAD_REQUEST */
export function lifetimeMs(given: string | number, name: string): number | null {
  if (given === 'none') return null;
  try {
    return Math.min(longestMs, typeof given === 'number' ? Math.round(given) : parseDuration(given));
  } catch (error) {
    throw new CacheError('BAD_REQUEST', `${name}: ${(error as Error).message}`);
  }
}
