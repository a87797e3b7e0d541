import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { RemoteHeaderAnswer, RemotesAnswer } from '../../api/remotes.ts';
import { absolutePath, parse } from '../parse.ts';
import { RemoteHeaders } from '../remote-headers.ts';
import { type RemoteServices, remoteViews } from '../remote-views.ts';

export const remoteHeaderQuery = z.object({ path: absolutePath });

/** The remotes, their costs, and the headers of their files. */
export function remoteRoutes(app: FastifyInstance, services: RemoteServices): void {
  const headers = new RemoteHeaders(services.roots);

  app.get('/api/remotes', (): RemotesAnswer => ({ remotes: remoteViews(services) }));

  app.get(
    '/api/remote/header',
    (request): Promise<RemoteHeaderAnswer> => headers.of(parse(remoteHeaderQuery, request.query).path),
  );
}
