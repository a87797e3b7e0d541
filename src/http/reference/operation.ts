import { z } from 'zod';
import type { ErrorCode } from '../../core/errors.ts';

/** A body that is not JSON, by its media type. */
export interface OtherBody {
  type: string;
  meaning: string;
  /** Schema of one event of a stream; text by default. */
  schema?: z.ZodType;
}

/** A stream of server-sent events. */
export function eventStream(meaning: string): OtherBody {
  return {
    type: 'text/event-stream',
    meaning,
    schema: z.looseObject({ event: z.string().optional(), data: z.string().optional() }),
  };
}

/** JSON by its schema, or something else. */
export type Body = z.ZodType | OtherBody;

/** One request that the daemon answers, for the reference of the API. */
export interface Operation {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD';
  /** The URL of the route, such as `/api/jobs/:id`. */
  url: string;
  /** One line. */
  summary: string;
  params?: z.ZodType;
  query?: z.ZodType;
  body?: Body;
  /** Answers by status; null = without a body, several = of several media types. */
  answers: Record<number, Body | readonly Body[] | null>;
  /** Errors of its own, in addition to those of every request. */
  errors?: readonly ErrorCode[];
  /** True when it is answered without the token. */
  open?: true;
}
