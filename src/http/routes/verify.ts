import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { VerifyAnswer } from '../../api/verify.ts';
import type { Copy } from '../../core/types.ts';
import { parse } from '../parse.ts';
import { type SelectServices, select, selectBody } from '../select.ts';
import type { Services } from '../services.ts';
import { untilGone } from '../until-gone.ts';

export const verifyBody = selectBody.extend({ all: z.boolean().optional() });

type VerifyServices = SelectServices & Pick<Services, 'scrub' | 'published'>;

/** Verifies copies on demand. The answer comes when all are verified; a client that disconnects ends it. */
export function verifyRoutes(app: FastifyInstance, services: VerifyServices): void {
  const { catalog, scrub } = services;
  app.post('/api/cache/verify', async (request, reply): Promise<VerifyAnswer> => {
    const body = parse(verifyBody, request.body);
    const signal = untilGone(reply.raw);
    if (body.all) {
      const report = await scrub.verifyAll({ signal });
      return { ...report, mismatched: await mismatchesOf(catalog.copies.inService(), services, signal) };
    }
    const { entries } = await select(services, body);
    const copies = entries.flatMap((entry) => catalog.copies.readyOf(entry.id));
    const report = await scrub.verify(copies, { signal });
    const without = entries.filter(({ id }) => !copies.some(({ entryId }) => entryId === id));
    for (const { id, path } of without) report.skipped.push({ id, path, bytes: 0, why: 'it has no copy' });
    const told = new Set([...report.damaged, ...report.skipped].map(({ id }) => id));
    const sound = entries
      .filter(({ id }) => !told.has(id))
      .map(({ id, path, fingerprint }) => ({ id, path, bytes: fingerprint.size }));
    return { ...report, sound, mismatched: await mismatchesOf(copies, services, signal) };
  });
}

/** Looks for published hashes again, since they may be newer than the copy. */
async function mismatchesOf(
  copies: Iterable<Copy>,
  { catalog, published }: VerifyServices,
  signal: AbortSignal,
): Promise<VerifyAnswer['mismatched']> {
  const found: VerifyAnswer['mismatched'] = [];
  const seen = new Set<number>();
  for (const { entryId } of copies) {
    const entry = signal.aborted || seen.has(entryId) ? undefined : catalog.entries.byId(entryId);
    seen.add(entryId);
    const outcome = entry && (await published.check(entry));
    if (!entry || outcome?.same !== false) continue;
    const sha256 = (await published.sha256Of(entry)) ?? '';
    const { path, fingerprint } = entry;
    found.push({ id: entryId, path, bytes: fingerprint.size, sha256, published: outcome.sha256, from: outcome.from });
  }
  return found;
}
