import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { subjects } from '../../src/http/reference/document.ts';

const operations = Object.values(subjects).flat();

/** Compares every JSON answer of an app with the reference of the API: one that is not as told there becomes an error 500. */
export function checkAnswers(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const { url, method } = request.routeOptions;
    const isJson = String(reply.getHeader('content-type')).startsWith('application/json');
    if (!isJson || typeof payload !== 'string' || reply.statusCode >= 400) return done();
    const operation = operations.find((one) => one.url === url && one.method === method);
    const schemas = [operation?.answers[reply.statusCode]].flat().filter((one) => one instanceof z.ZodType);
    const faults = schemas.map((schema) => schema.safeParse(JSON.parse(payload)).error);
    if (faults.some((fault) => fault === undefined)) return done();
    const told = faults.map((fault) => fault && z.prettifyError(fault)).join('\n');
    done(new Error(`the answer ${reply.statusCode} of ${String(method)} ${url} is not in the reference: ${told}`));
  });
}
