import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ConfigAnswer, RemovalAnswer } from '../../api/api.ts';
import type { MemoConfigAnswer } from '../../api/memo.ts';
import { CacheError } from '../../core/errors.ts';
import { matcher } from '../../core/file-globs.ts';
import { tierNames } from '../../core/types.ts';
import { chooseCopies, removeCopies } from '../../space/purge.ts';
import type { Orphan } from '../../upkeep/orphans.ts';
import { absolutePath, bytes, milliseconds, name, parse, pattern } from '../parse.ts';
import type { Services } from '../services.ts';
import { type StatsServices, statsOf } from '../stats.ts';
import { isAboutMemo, type MemoPlane } from './memo-plane.ts';

export const clearBody = z.strictObject({
  plane: z.literal('models').optional(),
  all: z.boolean().optional(),
  category: name.optional(),
  root: absolutePath.optional(),
  olderThanMs: milliseconds.optional(),
  largerThan: bytes.optional(),
  glob: pattern.optional(),
  tier: z.enum(tierNames).optional(),
  dryRun: z.boolean().optional(),
});

/** The settings know the valid keys and values. */
export const configBody = z.record(z.string().max(100), z.string().max(10_000));

/** The cache as a whole: its state, its settings, and emptying it. */
export function cacheRoutes(app: FastifyInstance, services: StatsServices & Pick<Services, 'evictor'>, plane: MemoPlane): void {
  const { settings, memo } = services;

  app.get('/api/cache/stats', (request) => (isAboutMemo(request.query) ? memo.manage.stats() : statsOf(services)));

  app.get('/api/cache/config', async (request): Promise<ConfigAnswer | MemoConfigAnswer> => {
    if (isAboutMemo(request.query)) return plane.config();
    const { plane: _, ...asked } = parse(configBody, request.query);
    const leaving = await settings.leavingAfter(asked);
    const leavingResults = settings.resultsLeavingAfter(asked);
    return { ...described(settings), ...(leaving && { leaving }), ...(leavingResults && { leavingResults }) };
  });

  app.post('/api/cache/config', async (request, reply): Promise<ConfigAnswer | MemoConfigAnswer> => {
    if (isAboutMemo(request.body)) return plane.changeConfig(request, reply);
    const { plane: _, ...change } = parse(configBody, request.body);
    settings.change(change);
    return described(settings);
  });

  app.post('/api/cache/clear', async (request, reply) => {
    if (isAboutMemo(request.body)) return plane.clear(request, reply);
    const { plane: _, ...body } = parse(clearBody, request.body);
    const { dryRun = false, ...filters } = body;
    const root = filters.root === undefined ? {} : { root: services.roots.spelled(filters.root) ?? filters.root };
    // An empty body must not empty the cache.
    if (filters.all !== true && Object.keys(filters).filter((key) => key !== 'all').length === 0) {
      throw new CacheError('BAD_REQUEST', 'no copies were named', { hint: 'Give a filter, or "all": true for every copy.' });
    }
    const deps = { ...services, matcher };
    const answer = await removeCopies(deps, await chooseCopies(deps, { ...filters, ...root }), { dryRun, why: 'purge' });
    if (Object.keys(filters).some((key) => key !== 'all')) return answer;
    return withOrphans(answer, await services.accounts.dropOrphans({ remove: !dryRun }));
  });
}

/** Remains of copies unknown to the catalog go with all the others; foreign files stay. */
function withOrphans(answer: RemovalAnswer, { gone, left }: { gone: Orphan[]; left: Orphan[] }): RemovalAnswer {
  const item = ({ path, bytes }: Orphan) => ({ id: 0, path, bytes });
  return {
    ...answer,
    files: answer.files + gone.length,
    of: answer.of + gone.length,
    bytes: gone.reduce((sum, { bytes }) => sum + bytes, answer.bytes),
    removed: [...answer.removed, ...gone.map(item)],
    skipped: [...answer.skipped, ...left.map((orphan) => ({ ...item(orphan), why: 'not made by autocached, or in use' }))],
  };
}

function described(settings: StatsServices['settings']): ConfigAnswer {
  return { settings: settings.describe(), choices: settings.choices, notices: [...settings.notices] };
}
