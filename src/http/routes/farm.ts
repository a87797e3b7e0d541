import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { FarmAnswer, FarmLocateAnswer } from '../../api/farm.ts';
import { notKnown } from '../known-files.ts';
import { absolutePath, parse } from '../parse.ts';
import type { Services } from '../services.ts';

export const locateQuery = z.object({ path: absolutePath });

/** The answer of a host without a farm. */
const alone: Omit<FarmAnswer, 'shared'> = {
  ...{ on: false, name: null, host: null, url: null, directory: null, hosts: [], contents: [] },
  figures: { originBytes: 0, receivedBytes: 0, givenBytes: 0 },
  claims: { claimed: 0, none: 0, full: 0 },
  peerErrors: { silent: 0, lied: 0, refused: 0, gone: 0 },
};

type FarmServices = Pick<Services, 'farm' | 'sharedStore' | 'lookup' | 'catalog' | 'roots'>;

/** The hosts that share, their contents, and the shared store. */
export function farmRoutes(app: FastifyInstance, services: FarmServices): void {
  const { farm, sharedStore, lookup } = services;

  app.get('/api/farm', async (): Promise<FarmAnswer> => {
    return { ...((await farm?.view()) ?? alone), shared: sharedStore?.view() ?? null };
  });

  app.get('/api/farm/locate', async (request): Promise<FarmLocateAnswer> => {
    const asked = parse(locateQuery, request.query);
    const known = await lookup.examine({ path: asked.path, purpose: 'metadata', waitMs: 0, client: null });
    const shared = (known && (await sharedStore?.has(known.located))) ?? null;
    if (!known || !(known.entry || known.source.state === 'present' || shared)) throw notKnown(asked.path, services);
    const { path } = known.located;
    const nowhere = { path, content: null, size: null, chunks: null, hosts: [] };
    const found = (await farm?.locate(path)) ?? nowhere;
    return { ...found, shared };
  });
}
