import { z } from 'zod';
import { entrySorts } from '../../api/entries.ts';
import { memoSorts } from '../../api/memo.ts';
import { clearBody, configBody } from '../routes/cache.ts';
import { entriesQuery, evictBody, sourcesQuery, warmBody } from '../routes/entries.ts';
import { libraryQuery } from '../routes/library.ts';
import { explainQuery, lookupBody } from '../routes/lookup.ts';
import {
  invalidateBody,
  configBody as memoConfigBody,
  entriesQuery as memoEntriesQuery,
  warmBody as memoWarmBody,
} from '../routes/memo-plane.ts';
import { pinBody } from '../routes/pins.ts';
import { takeOverBody } from '../routes/take-over.ts';
import { verifyBody } from '../routes/verify.ts';
import { broughtBackBody } from '../routes/written.ts';
import { removalAnswer } from './answers.ts';
import {
  configAnswer,
  entriesAnswer,
  explainAnswer,
  library,
  lookupAnswer,
  missesAnswer,
  pinAnswer,
  pinnedAnswer,
  sourcesAnswer,
  stats,
  takeOverAnswer,
  verifyAnswer,
  warmAnswer,
  writtenAnswer,
} from './cache-answers.ts';
import { memoConfigAnswer, memoEntries, memoRemoval, memoStats, memoWarmAnswer } from './memo-answers.ts';
import type { Operation } from './operation.ts';

/** A flag in a query. */
const flag = z.enum(['true', 'false']).optional();

/** The plane of a request; left out = models. */
const plane = z.enum(['models', 'memo']).optional();
const entriesOfBoth = entriesQuery
  .extend(memoEntriesQuery.partial().omit({ plane: true }).shape)
  .extend({ plane, sort: z.enum([...entrySorts, ...memoSorts]).optional(), search: entriesQuery.shape.search });
const configQuery = z.looseObject({ plane });

/** The cache: lookups, its state and settings, and actions on chosen models. */
export const cacheOperations: readonly Operation[] = [
  {
    method: 'POST',
    url: '/api/lookup',
    summary: 'Where to open a model file now: its copy, or the original',
    body: lookupBody,
    answers: { 200: lookupAnswer },
    errors: ['NO_COPY'],
  },
  {
    method: 'GET',
    url: '/api/cache/explain',
    summary: 'Why a file is served as it is',
    query: explainQuery,
    answers: { 200: explainAnswer },
  },
  {
    method: 'GET',
    url: '/api/cache/stats',
    summary: 'State and figures of the cache, or with plane=memo of results',
    query: z.object({ plane }),
    answers: { 200: z.union([stats.meta({ id: 'Stats' }), memoStats]) },
  },
  {
    method: 'GET',
    url: '/api/cache/config',
    summary: 'The settings; with new values in the query also what they would remove',
    query: configQuery,
    answers: { 200: z.union([configAnswer, memoConfigAnswer]) },
    errors: ['BAD_CONFIG'],
  },
  {
    method: 'POST',
    url: '/api/cache/config',
    summary: 'Change settings that may change while the daemon runs',
    body: z.union([memoConfigBody, configBody]),
    answers: { 200: z.union([configAnswer, memoConfigAnswer]) },
    errors: ['BAD_CONFIG', 'RATE_LIMITED'],
  },
  {
    method: 'POST',
    url: '/api/cache/clear',
    summary: 'Remove copies by filter, or with plane=memo results; originals are never touched',
    body: z.union([clearBody, invalidateBody.required({ plane: true })]),
    answers: { 200: z.union([removalAnswer, memoRemoval]) },
    errors: ['RATE_LIMITED'],
  },
  {
    method: 'GET',
    url: '/api/cache/entries',
    summary: 'The models that were asked for, or with plane=memo results',
    query: entriesOfBoth,
    answers: { 200: z.union([entriesAnswer, memoEntries]) },
  },
  {
    method: 'GET',
    url: '/api/cache/sources',
    summary: 'Model files that nobody has asked for yet',
    query: sourcesQuery,
    answers: { 200: sourcesAnswer },
  },
  {
    method: 'GET',
    url: '/api/library',
    summary: 'Every model file on the sources, asked for or not, with its state',
    query: libraryQuery.extend({ pinned: flag, descending: flag }),
    answers: { 200: library },
  },
  {
    method: 'GET',
    url: '/api/loads/trace',
    summary: 'The recorded loads as a trace for `autocached simulate`, without names',
    answers: { 200: { type: 'text/csv', meaning: 'A line for each load, after a line with the names of the columns' } },
  },
  {
    method: 'GET',
    url: '/api/loads/misses',
    summary: 'Cost of the misses of the last 30 days with other sizes of the cache',
    answers: { 200: missesAnswer },
  },
  {
    method: 'POST',
    url: '/api/cache/warm',
    summary: 'Copy models ahead of their use, or with plane=memo store results',
    body: z.union([warmBody, memoWarmBody]),
    answers: { 200: z.union([warmAnswer, memoWarmAnswer]) },
    errors: ['NOT_FOUND', 'RATE_LIMITED'],
  },
  {
    method: 'GET',
    url: '/api/cache/pins',
    summary: 'Directories, globs and categories that are pinned, later files included',
    answers: { 200: pinnedAnswer },
  },
  {
    method: 'POST',
    url: '/api/cache/pin',
    summary: 'Never evict these, nor later files of these directories, globs and categories',
    body: pinBody,
    answers: { 200: pinAnswer },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'POST',
    url: '/api/cache/unpin',
    summary: 'These may be evicted again',
    body: pinBody,
    answers: { 200: pinAnswer },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'POST',
    url: '/api/cache/evict',
    summary: 'Remove the copies of these models; originals are never touched',
    body: evictBody,
    answers: { 200: removalAnswer },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'POST',
    url: '/api/cache/verify',
    summary: 'Read copies again and compare them with their hashes',
    body: verifyBody,
    answers: { 200: verifyAnswer },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'POST',
    url: '/api/cache/take-over',
    summary: 'Files of another cache become copies, where each byte is that of a model; nothing is written again',
    body: takeOverBody,
    answers: { 200: takeOverAnswer },
  },
  {
    method: 'GET',
    url: '/api/cache/written',
    summary: 'Files that programs wrote beside copies',
    answers: { 200: writtenAnswer },
  },
  {
    method: 'POST',
    url: '/api/cache/written',
    summary: 'Report files that were brought beside their sources; answers the remaining ones',
    body: broughtBackBody,
    answers: { 200: writtenAnswer },
  },
];
