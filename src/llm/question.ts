import type { IncomingHttpHeaders } from 'node:http';
import { fieldTexts } from '../memo/json-text.ts';

/** The routes whose answers can be kept. */
export const endpoints = ['chat/completions', 'completions', 'embeddings'] as const;
export type Endpoint = (typeof endpoints)[number];

/** The required contents of a whole answer. */
export interface Expected {
  of: Endpoint;
  /** Number of choices, or of vectors. */
  count: number;
}

/** A question to a language model, as far as the cache must understand it. */
export interface Question extends Expected {
  model: string;
  /** All of the body that can change the answer, as it was written. */
  body: string;
  /** Whether the client wants a stream; never for vectors. */
  isStream: boolean;
  /** Whether a stream ends with its usage. */
  wantsUsage: boolean;
  /** Why the same question may have another answer next time; null when it has the same one. */
  unrepeatable: string | null;
  /** Kept answers may be given. */
  mayRead: boolean;
  /** The answer may be kept. */
  mayStore: boolean;
}

/** Fields that change how an answer is sent or name the client, not the answer. */
const aside = ['stream', 'stream_options', 'user'];

/** @param body the parsed `bodyText` @returns null for a request that is no question, which only the server understands */
export function readQuestion(
  of: Endpoint,
  written: { body?: unknown; bodyText: string },
  headers: IncomingHttpHeaders,
): Question | null {
  const { body, bodyText } = written;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  const fields = body as Record<string, unknown>;
  const texts = fieldTexts(bodyText);
  for (const name of aside) texts.delete(name);
  const directives = (headers['cache-control'] ?? '').split(',').map((directive) => directive.trim().toLowerCase());
  const wantsStore = headers['x-autocached'] === 'store';
  const { model, stream, stream_options: options } = fields;
  return {
    of,
    count: countOf(of, fields),
    model: typeof model === 'string' ? model : '',
    body: `{${[...texts].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join()}}`,
    isStream: stream === true && of !== 'embeddings',
    wantsUsage: (options as { include_usage?: unknown } | null | undefined)?.include_usage === true,
    unrepeatable: wantsStore || of === 'embeddings' || isRepeatable(fields) ? null : 'neither temperature 0 nor a seed',
    mayRead: !directives.includes('no-cache') && !directives.includes('no-store'),
    mayStore: !directives.includes('no-store'),
  };
}

/** llama.cpp reads -1, and the same without a sign, as a random seed. */
const randomSeed = 2 ** 32 - 1;

function isRepeatable({ temperature, seed }: Record<string, unknown>): boolean {
  return temperature === 0 || (typeof seed === 'number' && Number.isInteger(seed) && seed >= 0 && seed !== randomSeed);
}

function countOf(of: Endpoint, { n, prompt, input }: Record<string, unknown>): number {
  const choices = typeof n === 'number' && n > 0 ? n : 1;
  if (of === 'embeddings') return manyIn(input);
  return of === 'completions' ? choices * manyIn(prompt) : choices;
}

/** A list of texts or of lists of tokens is many; one list of tokens is one. */
function manyIn(given: unknown): number {
  return Array.isArray(given) && given.length > 0 && typeof given[0] !== 'number' ? given.length : 1;
}
