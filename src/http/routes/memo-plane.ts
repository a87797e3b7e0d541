import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ConfigValue } from '../../api/api.ts';
import {
  type MemoConfigAnswer,
  type MemoEntriesAnswer,
  type MemoRemoval,
  type MemoWarmAnswer,
  type MemoWarmItem,
  memoModes,
  memoSorts,
} from '../../api/memo.ts';
import { CacheError } from '../../core/errors.ts';
import { fieldTexts, itemTexts } from '../../memo/json-text.ts';
import { deps, namespace, readWarm, sha256, tags, type Written } from '../memo-requests.ts';
import { warmResult } from '../memo-warm.ts';
import { bytes, milliseconds, parse, pattern } from '../parse.ts';
import type { RateLimit } from '../rate-limit.ts';
import type { Services } from '../services.ts';
import { untilGone } from '../until-gone.ts';
import { isPromptItem, readPromptItem } from '../warm-prompt.ts';

type PlaneServices = Pick<Services, 'memo' | 'clock' | 'settings' | 'prompts' | 'presets'>;

// A misspelt `dryRun` must not remove.
export const invalidateBody = z.strictObject({
  plane: z.literal('memo').optional(),
  ns: namespace.optional(),
  keys: z.array(sha256).max(10_000).optional(),
  tags: tags.optional(),
  deps: deps.optional(),
  all: z.literal(true).optional(),
  olderThanMs: milliseconds.optional(),
  largerThan: bytes.optional(),
  dryRun: z.boolean().optional(),
});

export const configBody = z.strictObject({
  plane: z.literal('memo'),
  max_items: z.number().int().positive().optional(),
  max_memory_mb: z.number().positive().optional(),
  mode: z.enum(memoModes).optional(),
  ttl: z.string().max(100).optional(),
  stale: z.string().max(100).optional(),
});

export const entriesQuery = z.object({
  plane: z.literal('memo'),
  ns: namespace.optional(),
  tag: z.string().max(200).optional(),
  search: pattern.optional(),
  sort: z.enum(memoSorts).default('used'),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
  offset: z.coerce.number().int().min(0).default(0),
});

export const warmBody = z.strictObject({ plane: z.literal('memo'), items: z.array(z.unknown()).min(1).max(1000) });

/** Whether a request is about results; without `plane` it is about models. @throws CacheError BAD_REQUEST for another word */
export function isAboutMemo(input: unknown): boolean {
  const { plane } = parse(z.looseObject({ plane: z.enum(['models', 'memo']).default('models') }), input);
  return plane === 'memo';
}

/** The routes of `/api/cache/` for results. */
export class MemoPlane {
  readonly #services: PlaneServices;
  readonly #limit: RateLimit;

  constructor(services: PlaneServices, limit: RateLimit) {
    this.#services = services;
    this.#limit = limit;
  }

  config(): MemoConfigAnswer {
    const { memo, settings } = this.#services;
    const { max_items, max_memory_mb } = memo.manage.stats();
    return { max_items, max_memory_mb, settings: settings.describe().filter(isOfMemo) };
  }

  async changeConfig(request: FastifyRequest, reply: FastifyReply): Promise<MemoConfigAnswer> {
    this.#limit.admit(reply);
    const { max_items, max_memory_mb, mode, ttl, stale } = parse(configBody, request.body);
    const { settings, memo } = this.#services;
    settings.change({
      ...(max_items !== undefined && { memo_items: String(max_items) }),
      ...(max_memory_mb !== undefined && { memo_limit: String(Math.max(1, Math.round(max_memory_mb * 2 ** 20))) }),
      ...(mode !== undefined && { memo: mode }),
      ...(ttl !== undefined && { memo_ttl: ttl }),
      ...(stale !== undefined && { memo_stale: stale }),
    });
    await memo.manage.trim();
    return this.config();
  }

  async clear(request: FastifyRequest, reply: FastifyReply): Promise<MemoRemoval> {
    this.#limit.admit(reply);
    return invalidateMemo(this.#services, request.body);
  }

  entries(query: unknown): MemoEntriesAnswer {
    const { ns, tag, search, ...page } = parse(entriesQuery, query);
    const filter = {
      ...(ns !== undefined && { ns }),
      ...(tag !== undefined && { tags: [tag] }),
      ...(search !== undefined && { search }),
    };
    return this.#services.memo.manage.list(filter, page);
  }

  /** Stores missing results, and brings present ones into memory; nothing is done when one item cannot be read. */
  async warm(request: FastifyRequest, reply: FastifyReply): Promise<MemoWarmAnswer> {
    this.#limit.admit(reply);
    const { items } = parse(warmBody, request.body);
    const texts = itemTexts(fieldTexts(request.bodyText).get('items') ?? '[]');
    const signal = untilGone(reply.raw);
    const asked = texts.map((bodyText, index) => this.#readWarm({ body: items[index], bodyText }, signal));
    const answers: MemoWarmItem[] = [];
    for (const warm of asked) answers.push(await warm());
    return { items: answers };
  }

  /** @throws CacheError BAD_REQUEST */
  #readWarm(written: Written, signal: AbortSignal): () => Promise<MemoWarmItem> {
    const { memo } = this.#services;
    if (isPromptItem(written)) return readPromptItem(this.#services, written);
    const warm = readWarm(written, (ns) => memo.versionOf(ns));
    return () => warmResult(memo, warm, signal);
  }
}

function isOfMemo({ key }: ConfigValue): boolean {
  return key.startsWith('AUTOCACHE_MEMO');
}

/** Removes the results that a request names. @throws CacheError BAD_REQUEST when it names none */
export function invalidateMemo({ memo, clock }: Pick<Services, 'memo' | 'clock'>, body: unknown): Promise<MemoRemoval> {
  const { plane: _, all, olderThanMs, dryRun = false, ...named } = parse(invalidateBody, body);
  const filter = { ...named, ...(olderThanMs !== undefined && { before: clock.now() - olderThanMs }) };
  if (all !== true && Object.keys(filter).filter((name) => name !== 'ns').length === 0) {
    throw new CacheError('BAD_REQUEST', 'no results were named', {
      hint: 'Give keys, tags, deps or an age, or "all": true for every result, of one namespace with "ns".',
    });
  }
  return memo.manage.invalidate(filter, { dryRun });
}
