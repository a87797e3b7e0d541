import type { IncomingHttpHeaders } from 'node:http';
import { fieldTexts } from '../memo/json-text.ts';

/** The routes whose answers can be kept. */
export const endpoints = ['chat/completions', 'completions', 'embeddings'] as const;
export type Endpoint = (typeof endpoints)[number];

/** What a whole answer must hold. */
export interface Expected {
  of: Endpoint;
  /** Choices, or vectors. */
  count: number;
}

/** A question to a language model, as far as the cache must understand it. */
export interface Question extends Expected {
  model: string;
  /** All of the body that can change the answer, as it was written. */
  body: string;
  /** Vectors never come as a stream. */
  isStream: boolean;
  /** A stream ends with what it has cost. */
  wantsUsage: boolean;
  /** Why the same question may have another answer next time; null when it has the same one. */
  unrepeatable: string | null;
  /** Kept answers may be given. */
  mayRead: boolean;
  /** The answer may be kept. */
  mayStore: boolean;
}

/** These change how an answer is sent, and who asks, not the answer. */
const aside = ['stream', 'stream_options', 'user'];

/** @param body the parsed `bodyText` @returns null for what is no question: its answer is the server's business */
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

/** What llama.cpp takes for a random one: -1 and the same without a sign. */
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
