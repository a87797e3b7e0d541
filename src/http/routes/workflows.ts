import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { HintAnswer } from '../../api/workflow.ts';
import { name, parse } from '../parse.ts';
import type { Services } from '../services.ts';

/** The document may also be ComfyUI's own request body of `POST /prompt`; its other fields are ignored. */
export const workflowBody = z.looseObject({ promptId: name.nullish() });
export const runningBody = workflowBody.extend({ promptId: name });

/**
 * Models of an API prompt or a workflow: naming them, copying them before they are requested, and learning which models the nodes of a
 * running prompt load.
 */
export function workflowRoutes(
  app: FastifyInstance,
  { workflows, foresight }: Pick<Services, 'workflows' | 'foresight'>,
): void {
  app.post('/api/workflows/analyze', (request) => workflows.analyze(parse(workflowBody, request.body)));

  app.post('/api/workflows/prefetch', (request) => {
    const body = parse(workflowBody, request.body);
    return workflows.prefetch(body, body.promptId ?? null);
  });

  app.post('/api/hints', (request): Promise<HintAnswer> => foresight.hint(parse(workflowBody, request.body)));

  app.post('/api/workflows/running', (request): { ok: true } => {
    const body = parse(runningBody, request.body);
    workflows.running(body, body.promptId);
    return { ok: true };
  });
}
