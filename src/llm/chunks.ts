/** A part of a streamed answer: the fields that are read here. */
export interface Chunk {
  [name: string]: unknown;
  choices?: Choice[];
  usage?: unknown;
}

export interface Choice {
  [name: string]: unknown;
  index?: number;
  finish_reason?: string | null;
  /** Of a chat. */
  delta?: Record<string, unknown> | null;
  /** Of a whole answer to a chat. */
  message?: Record<string, unknown> | null;
  /** Of a completion. */
  text?: string;
}

/** A streamed answer: its chunks, and whether it is complete. */
export interface Streamed {
  chunks: Chunk[];
  isComplete: boolean;
}

/** The chunks of a stream of server-sent events. Null when it is not one of OpenAI's API. */
export function readChunks(text: string): Streamed | null {
  const payloads = eventsIn(text).map(dataOf);
  const end = payloads.indexOf('[DONE]');
  const chunks = payloads.slice(0, end < 0 ? undefined : end).filter((data) => data !== '');
  try {
    return { chunks: chunks.map((data) => objectIn(data)), isComplete: end >= 0 };
  } catch {
    return null;
  }
}

/** The events of a stream, without those that never ended. */
export function eventsIn(text: string): string[] {
  return text.replaceAll('\r\n', '\n').split('\n\n').slice(0, -1);
}

/** The data of an event; empty for a comment. */
export function dataOf(event: string): string {
  const lines = event.split('\n').flatMap((line) => /^data: ?(.*)$/.exec(line)?.[1] ?? []);
  return lines.join('\n').trim();
}

export function eventOf(data: unknown): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

/** Whether a chunk holds only the usage of the answer; sent to clients that asked for it. */
export function isUsage({ choices = [], usage }: Chunk): boolean {
  return choices.length === 0 && typeof usage === 'object' && usage !== null;
}

/** @throws Error when it is none */
function objectIn(json: string): Chunk {
  const value: unknown = JSON.parse(json);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Chunk;
  throw new Error('this is no chunk');
}
