import type { FastifyInstance } from 'fastify';
import type { Services } from '../services.ts';

/** The reference of this API as an OpenAPI document. It is made on the first request. */
export function referenceRoutes(app: FastifyInstance, { daemon }: Pick<Services, 'daemon'>): void {
  let document: Promise<object> | undefined;
  app.get('/api/openapi.json', () => {
    document ??= import('../reference/document.ts').then(({ openApiDocument }) => openApiDocument(daemon.version));
    return document;
  });
}
