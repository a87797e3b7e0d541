import { jsonOf } from '../core/json.ts';
import { type Choice, type Chunk, readChunks } from './chunks.ts';
import type { Expected } from './question.ts';

/** Finish reasons of complete answers: not those of a filter, an abort or a deadline. */
const goodEnds = new Set(['stop', 'length', 'tool_calls']);

/**
 * Whether an answer is whole and may be given again: every choice asked for has a good finish reason, and none is an error. The
 * server's status alone is not enough.
 */
export function isFinished(bytes: Buffer, isStream: boolean, expected: Expected): boolean {
  const text = textOf(bytes);
  if (text === null) return false;
  if (isStream) return isStreamFinished(text, expected);
  const value = jsonOf(text);
  if (typeof value !== 'object' || value === null) return false;
  const answer = value as Chunk;
  if (hasError(answer)) return false;
  return expected.of === 'embeddings' ? hasVectors(answer, expected.count) : haveEnded(answer.choices, expected.count);
}

function isStreamFinished(text: string, { of, count }: Expected): boolean {
  const streamed = of === 'embeddings' ? null : readChunks(text);
  if (!streamed?.isComplete || streamed.chunks.some(hasError)) return false;
  const ends = new Map<number, Choice>();
  for (const choice of streamed.chunks.flatMap(({ choices }) => (Array.isArray(choices) ? choices : []))) {
    const index = choice.index ?? 0;
    ends.set(index, choice.finish_reason ? choice : { finish_reason: ends.get(index)?.finish_reason ?? null });
  }
  return haveEnded([...ends.values()], count);
}

function haveEnded(choices: unknown, count: number): boolean {
  if (!Array.isArray(choices) || choices.length < count) return false;
  return choices.every((choice: Choice | null) => goodEnds.has(choice?.finish_reason ?? ''));
}

function hasVectors({ data }: Chunk, count: number): boolean {
  if (!Array.isArray(data) || data.length !== count) return false;
  return data.every((one: { embedding?: unknown } | null) => (one?.embedding as string | unknown[] | undefined)?.length);
}

function hasError({ error }: Chunk): boolean {
  return error !== undefined && error !== null;
}

/** Null when the bytes are no UTF-8. */
export function textOf(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
