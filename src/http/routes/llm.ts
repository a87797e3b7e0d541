import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CacheError } from '../../core/errors.ts';
import { headersForClient, headersForServer } from '../../llm/headers.ts';
import type { Llm } from '../../llm/llm.ts';
import { openAiError } from '../../llm/openai-error.ts';
import { endpoints } from '../../llm/question.ts';
import { foreignAuthorization, llmPath } from '../guard.ts';
import type { Proofs } from '../proofs.ts';
import type { Services } from '../services.ts';
import { untilGone } from '../until-gone.ts';

/** Maximum size of a question, which may contain pictures, bytes. */
const mostQuestion = 40 * 2 ** 20;

interface Parts {
  proofs: Proofs;
  token: string;
  translate: (thrown: FastifyError) => CacheError;
}

/** An OpenAI-compatible API, forwarded to the configured server. Questions go through the cache, all other requests pass. */
export function llmRoutes(app: FastifyInstance, { llm }: Pick<Services, 'llm'>, { proofs, token, translate }: Parts): void {
  const server = (): Llm => {
    if (llm) return llm;
    throw new CacheError('NOT_FOUND', 'no language model’s server is configured', { hint: 'Set AUTOCACHE_LLM_URL.' });
  };
  const credentials = (request: FastifyRequest) => foreignAuthorization(request, token);
  const answerError = (thrown: FastifyError, reply: FastifyReply) => {
    const error = translate(thrown);
    if (error.code === 'BUSY') reply.header('retry-after', '1');
    return reply.status(error.status).send(openAiError(error));
  };
  const stream = async (request: FastifyRequest, reply: FastifyReply, { status, headers, body }: Streamed) => {
    reply.hijack();
    reply.raw.writeHead(status, { ...headers, ...proofs.streamHeaders(request, status) });
    // The first word of an answer may take long.
    reply.raw.flushHeaders();
    const isEvents = String(headers['content-type']).startsWith('text/event-stream');
    await sendTo(reply.raw, body, isEvents);
  };

  app.register(async (scope) => {
    scope.setErrorHandler((thrown: FastifyError, _request, reply) => answerError(thrown, reply));
    for (const endpoint of endpoints) {
      scope.post(`${llmPath}${endpoint}`, { bodyLimit: mostQuestion }, async (request, reply) => {
        const { headers } = request;
        const asked = { endpoint, path: pathOf(request), headers, authorization: credentials(request), written: request };
        const { body, ...head } = await server().ask({ ...asked, signal: untilGone(reply.raw) });
        if (!Buffer.isBuffer(body)) return stream(request, reply, { ...head, body });
        return reply.status(head.status).headers(head.headers).send(body);
      });
    }
  });

  app.register(async (scope) => {
    scope.setErrorHandler((thrown: FastifyError, _request, reply) => answerError(thrown, reply));
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    scope.all(`${llmPath}*`, { bodyLimit: Number.MAX_SAFE_INTEGER }, async (request, reply) => {
      const body = request.body as Readable | undefined;
      const outgoing = {
        method: request.method,
        path: pathOf(request),
        headers: headersForServer(request.headers, credentials(request)),
        body: body ? body.pipe(proven(proofs, request)) : null,
        signal: untilGone(reply.raw),
      };
      const answer = await server().pass(outgoing);
      const headers = { ...headersForClient(answer.headers), 'x-autocached': 'BYPASS' };
      return stream(request, reply, { status: answer.statusCode ?? 502, headers, body: answer });
    });
  });
}

interface Streamed {
  status: number;
  headers: OutgoingHttpHeaders;
  body: AsyncIterable<Buffer>;
}

function pathOf({ url }: FastifyRequest): string {
  return url.slice(llmPath.length);
}

/** Sends a body at the pace of its reader. A broken body ends the connection, so that the client does not take it for complete. */
async function sendTo(raw: ServerResponse, body: AsyncIterable<Buffer>, isEvents: boolean): Promise<void> {
  try {
    // Also for a disconnected client: the sender of the body must learn of it.
    for await (const chunk of body) {
      if (raw.destroyed) return;
      if (!raw.write(chunk)) await writable(raw);
    }
    raw.end();
  } catch (error) {
    const words = error instanceof CacheError && isEvents ? `\n\ndata: ${JSON.stringify(openAiError(error))}\n\n` : '';
    raw.write(words, () => raw.destroy());
  }
}

/** Resolves when more can be written, or the client is gone. */
async function writable(raw: ServerResponse): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(raw, 'drain', { signal }), once(raw, 'close', { signal })]).finally(() => over.abort());
}

/** Passes a body on while it matches the client's proof; a body that does not match is cut off. */
function proven(proofs: Proofs, request: FastifyRequest): Transform {
  const hash = createHash('sha256');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      try {
        proofs.assertDigest(request, hash.digest('hex'));
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}
