import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { z } from 'zod';
import { CacheError, sentenceOf } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';
import { bodyLimit, bodyLimitOf, readBodies } from './bodies.ts';
import { answerUnreadable } from './client-error.ts';
import { type GuardOptions, guard } from './guard.ts';
import { Methods } from './methods.ts';
import { PromptRuns } from './prompt-runs.ts';
import { Proofs } from './proofs.ts';
import { RateLimit } from './rate-limit.ts';
import { cacheRoutes } from './routes/cache.ts';
import { dashboardRoutes } from './routes/dashboard.ts';
import { entryRoutes } from './routes/entries.ts';
import { eventRoutes } from './routes/events.ts';
import { farmRoutes } from './routes/farm.ts';
import { healthRoutes } from './routes/health.ts';
import { jobRoutes } from './routes/jobs.ts';
import { leaseRoutes } from './routes/leases.ts';
import { libraryRoutes } from './routes/library.ts';
import { llmRoutes } from './routes/llm.ts';
import { loadRoutes } from './routes/loads.ts';
import { lookupRoutes } from './routes/lookup.ts';
import { memoRoutes } from './routes/memo.ts';
import { memoBlobRoutes } from './routes/memo-blobs.ts';
import { memoComfyuiRoutes } from './routes/memo-comfyui.ts';
import { isAboutMemo, MemoPlane } from './routes/memo-plane.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { pinRoutes } from './routes/pins.ts';
import { presetRoutes } from './routes/presets.ts';
import { promptRoutes } from './routes/prompts.ts';
import { referenceRoutes } from './routes/reference.ts';
import { remoteRoutes } from './routes/remotes.ts';
import { rootRoutes } from './routes/roots.ts';
import { stuckRoutes } from './routes/stuck.ts';
import { takeOverRoutes } from './routes/take-over.ts';
import { variantRoutes } from './routes/variants.ts';
import { verifyRoutes } from './routes/verify.ts';
import { workflowRoutes } from './routes/workflows.ts';
import { writtenRoutes } from './routes/written.ts';
import type { Services } from './services.ts';
import { SignIns } from './sign-ins.ts';
import { spreadOverTurns } from './turns.ts';

/** Routes that write into the catalog before they answer, unless the request only tries it; lookups never do. */
const writing = /^\/api\/(?:cache|roots|variants)\b/;
/** Those of them that leave the catalog alone when they are about results. */
const ofEither = /^\/api\/cache\/(?:clear|warm)$/;
const trial = z.object({ dryRun: z.literal(true) });

/** The HTTP interface without a port: tests inject requests, the daemon listens. */
export function createApp(services: Services, options: GuardOptions): FastifyInstance {
  const answerError = (thrown: Error, reply: FastifyReply) => {
    // A client that breaks off hears no answer, and is no failure of the daemon's.
    const isLeft = reply.request.raw.errored === thrown;
    const error = isLeft ? new CacheError('CANCELLED', 'the client broke off') : translate(thrown, services.log);
    if (error.code === 'BUSY') reply.header('retry-after', '1');
    return reply.status(error.status).send({ error: error.body });
  };
  const app = fastify({
    bodyLimit,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true },
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    // An unreadable address reaches neither a route nor the error handler below.
    clientErrorHandler: answerUnreadable,
    frameworkErrors: (thrown, _request, reply) => void answerError(thrown, reply),
  });
  // A page can send text/plain without a preflight; for JSON the browser sends one, which is refused.
  app.removeContentTypeParser('text/plain');
  spreadOverTurns(app);
  const methods = new Methods(app);
  const proofs = new Proofs(options.token);
  readBodies(app, (request, text) => proofs.assertBody(request, text));
  const signIns = new SignIns(services);
  guard(app, options, { proofs, signIns });
  proofs.serve(app);
  app.addHook('onRoute', (route) => {
    route.bodyLimit ??= bodyLimitOf(route.url);
    if (route.method === 'GET' || !writing.test(route.url)) return;
    route.preHandler = async ({ body }) => {
      if (trial.safeParse(body).success || (ofEither.test(route.url) && isAboutMemo(body))) return;
      await services.catalog.writable();
    };
  });
  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    // A request without a route fails for that reason alone, whatever its body.
    const isNoRoute = request.is404 && !(thrown instanceof CacheError);
    return answerError(isNoRoute ? noRoute(request, reply) : thrown, reply);
  });
  app.setNotFoundHandler((request, reply) => answerError(noRoute(request, reply), reply));
  const noRoute = ({ method, url }: FastifyRequest, reply: FastifyReply) => {
    const path = url.split('?', 1)[0] ?? '';
    const allowed = methods.of(path);
    if (allowed.length === 0)
      return new CacheError('NOT_FOUND', `there is no ${method} ${path}`, { hint: 'GET /api/openapi.json lists all routes' });
    reply.header('allow', allowed.join(', '));
    return new CacheError('METHOD_NOT_ALLOWED', `${path} takes ${allowed.join(' or ')}, not ${method}`);
  };
  const allRoutes = [
    healthRoutes,
    lookupRoutes,
    jobRoutes,
    rootRoutes,
    remoteRoutes,
    farmRoutes,
    variantRoutes,
    leaseRoutes,
    stuckRoutes,
    verifyRoutes,
    metricsRoutes,
    workflowRoutes,
    takeOverRoutes,
    writtenRoutes,
    loadRoutes,
    referenceRoutes,
  ];
  for (const routes of allRoutes) routes(app, services);
  const limit = new RateLimit(services.clock);
  const plane = new MemoPlane(services, limit);
  cacheRoutes(app, services, plane);
  entryRoutes(app, services, plane);
  pinRoutes(app, services);
  memoRoutes(app, services, limit);
  memoComfyuiRoutes(app, services);
  memoBlobRoutes(app, services, proofs);
  const runs = new PromptRuns(services, proofs);
  presetRoutes(app, services, { limit, runs });
  llmRoutes(app, services, { proofs, token: options.token, translate: (thrown) => translate(thrown, services.log) });
  promptRoutes(app, services, runs);
  eventRoutes(app, services, proofs);
  dashboardRoutes(app, services, signIns);
  libraryRoutes(app, services);
  return app;
}

/** Routes parse with zod (`parse.ts`). Fastify's own validator is not loaded: it is a tenth of the code that a start loads. */
function noSchemas(): never {
  throw new Error('a route has a JSON schema; it must parse its requests with zod');
}

function translate(thrown: Error & { statusCode?: number }, log: Log): CacheError {
  if (thrown instanceof CacheError) return thrown;
  const { statusCode, message } = thrown;
  if (statusCode === 413) return new CacheError('BODY_TOO_LARGE', 'the body is larger than 16 MiB');
  if (statusCode === 415)
    return new CacheError('NOT_JSON', 'the body must be JSON', { hint: 'Send Content-Type: application/json.' });
  if (statusCode !== undefined && statusCode < 500) return new CacheError('BAD_REQUEST', message);
  log.error({ err: thrown }, 'request failed');
  return new CacheError('INTERNAL', sentenceOf(thrown));
}
