import swagger from '@fastify/swagger';
import { type FastifySchema, fastify } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type ErrorCode, statusOf } from '../../core/errors.ts';
import { errorAnswer } from './answers.ts';
import { cacheOperations } from './cache-operations.ts';
import { daemonOperations } from './daemon-operations.ts';
import { farmOperations } from './farm-operations.ts';
import { memoOperations } from './memo-operations.ts';
import type { Body, Operation } from './operation.ts';
import { promptOperations } from './prompt-operations.ts';

/** Every request that programs may send, by subject. */
export const subjects: Readonly<Record<string, readonly Operation[]>> = {
  Cache: cacheOperations,
  Results: memoOperations,
  Prompts: promptOperations,
  Daemon: daemonOperations,
  Farm: farmOperations,
};

/** Errors that every request can end with. */
const always: readonly ErrorCode[] = ['BAD_REQUEST', 'FORBIDDEN', 'HEADERS_TOO_LARGE', 'INTERNAL', 'CACHE_IO', 'CORRUPT'];
/** Errors of a request with a body. */
const ofBodies: readonly ErrorCode[] = ['BODY_TOO_LARGE', 'NOT_JSON', 'BUSY'];

const description = [
  'Send `Authorization: Bearer <token>`; the token is in the file that `daemon.json` in the state directory names.',
  'Below `/llm/v1/` the daemon also forwards an OpenAI-compatible API (docs/LLM.md).',
].join(' ');

/**
 * The OpenAPI document. Fastify's plugin makes it from routes that no server listens on: the real routes parse with zod themselves,
 * and neither the plugin nor fastify's validator slows a start or a request.
 */
export async function openApiDocument(version: string): Promise<object> {
  const app = fastify({ exposeHeadRoutes: false });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => String);
  await app.register(swagger, {
    exposeHeadRoutes: true,
    openapi: {
      openapi: '3.1.0',
      info: { title: 'autocached', version, description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  for (const [subject, operations] of Object.entries(subjects)) {
    for (const operation of operations) {
      const { method, url } = operation;
      app.route({ method, url, schema: schemaOf(operation, subject), handler: () => undefined });
    }
  }
  await app.ready();
  const document = finished(app.swagger());
  await app.close();
  return document;
}

interface Document {
  components: { schemas: Record<string, object> };
  paths: Record<string, Record<string, { requestBody?: { required: boolean } }>>;
}

/**
 * The document without two defaults of the plugins: that shapes of answers are used in requests too, and that a body without required
 * fields must be present.
 */
function finished(document: object): object {
  const { components, paths } = document as Document;
  const schemas = Object.entries(components.schemas).filter(([name]) => !name.endsWith('Input'));
  for (const { method, url, body } of Object.values(subjects).flat()) {
    const { requestBody } = paths[url.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()] ?? {};
    if (requestBody && isSchema(body)) requestBody.required = !body.safeParse({}).success;
  }
  return { ...document, components: { ...components, schemas: Object.fromEntries(schemas) } };
}

function isSchema(body: Body | undefined): body is z.ZodType {
  return body instanceof z.ZodType;
}

function schemaOf(operation: Operation, subject: string): FastifySchema {
  const { summary, params, query, body, open } = operation;
  return {
    summary,
    tags: [subject],
    ...(params && { params }),
    ...(query && { querystring: query }),
    ...(body && (isSchema(body) ? { body } : { consumes: [body.type], body: anyBytes })),
    ...(open && { security: [] }),
    response: { ...failuresOf(operation), ...answersOf(operation) },
  };
}

const anyBytes = z.string().meta({ format: 'binary' });

function answersOf({ answers }: Operation): object {
  return Object.fromEntries(
    Object.entries(answers).map(([status, given]) => {
      if (given === null) return [status, z.null().describe('No body')];
      const bodies: readonly Body[] = Array.isArray(given) ? given : [given];
      const content = Object.fromEntries(
        bodies.map((body) =>
          isSchema(body)
            ? ['application/json', { schema: body }]
            : [body.type, { schema: (body.schema ?? z.string()).describe(body.meaning) }],
        ),
      );
      return [status, { description: 'Answer', content }];
    }),
  );
}

function failuresOf({ body, errors = [], open }: Operation): object {
  const codes = [...always, ...(open ? [] : (['UNAUTHORIZED'] as const)), ...(body ? ofBodies : []), ...errors];
  const byStatus = Map.groupBy(new Set(codes), statusOf);
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [
      status,
      { description: some.join(', '), content: { 'application/json': { schema: errorAnswer } } },
    ]),
  );
}
