import { z } from 'zod';
import type {
  CompiledAnswer,
  GraphFigures,
  GraphsAnswer,
  PresetAnswer,
  PresetFilesAnswer,
  PresetModel,
  PresetsAnswer,
} from '../../api/presets.ts';
import type { PromptAnswer, PromptRunsAnswer } from '../../api/prompts.ts';
import type { HintAnswer, PrefetchAnswer, WorkflowAnswer, WorkflowModel } from '../../api/workflow.ts';
import { reasons } from '../../core/types.ts';
import { runFields } from '../prompt-runs.ts';
import { presetBody, presetParams } from '../routes/presets.ts';
import { promptBody } from '../routes/prompts.ts';
import { runningBody, workflowBody } from '../routes/workflows.ts';
import { count, jobView, path, stateFields } from './answers.ts';
import { eventStream, type Operation } from './operation.ts';

const model: z.ZodType<WorkflowModel> = z.strictObject({
  ...stateFields,
  reason: z.enum(reasons),
  pinned: z.boolean(),
  node: z.string(),
  classType: z.string(),
  input: z.string(),
  category: z.string().nullable(),
  name: z.string(),
  how: z.enum(['learned', 'object_info', 'core', 'models', 'name']),
  switchedOff: z.literal(true).exactOptional(),
  opensItself: z.literal(true).exactOptional(),
  notNeeded: z.literal(true).exactOptional(),
});
const workflowModel = model.meta({ id: 'WorkflowModel' });

const workflow: z.ZodType<WorkflowAnswer> = z.strictObject({
  kind: z.enum(['prompt', 'workflow']),
  models: z.array(workflowModel),
  skipped: z.array(z.strictObject({ node: z.string(), why: z.string() })),
  unresolved: z.array(
    z.strictObject({
      node: z.string(),
      classType: z.string(),
      input: z.string(),
      value: z.string().nullable(),
      reason: z.enum(['NO_MATCH', 'NO_NAME', 'SEVERAL', 'COMPUTED', 'NOT_LEARNED', 'OWN_LOADER']),
      word: z.string(),
      why: z.string(),
      candidates: z.array(z.string()),
    }),
  ),
});
const hintAnswer: z.ZodType<HintAnswer> = z.strictObject({ jobs: z.array(jobView) });
const prefetch: z.ZodType<PrefetchAnswer> = z.strictObject({ jobs: z.array(jobView), models: z.array(workflowModel) });

const ranFields = {
  reason: z.enum(['HIT', 'STALE', 'MISS', 'BYPASS_NONDETERMINISTIC', 'BYPASS_UNKNOWN_FILE', 'BYPASS_OFF', 'RUNNING']),
  why: z.string().nullable(),
  stored: z.boolean(),
  key: z.string().nullable(),
  promptId: z.string().nullable(),
  ageMs: z.number(),
  outputs: z.array(
    z.strictObject({
      node: z.string(),
      kind: z.string(),
      filename: z.string(),
      subfolder: z.string(),
      type: z.string(),
      contentType: z.string(),
      size: count.nullable(),
      sha256: z.string().nullable(),
      path: path.nullable(),
      bytes: z.string().exactOptional(),
    }),
  ),
  values: z.array(z.strictObject({ node: z.string(), name: z.string(), value: z.unknown() })),
};
const ran: z.ZodType<PromptAnswer> = z.strictObject(ranFields);

const named = { name: z.string(), family: z.string().nullable(), graph: z.enum(['hit', 'miss']) };
const presetRan: z.ZodType<PresetAnswer> = z.strictObject({ ...ranFields, ...named });
const presetModel: z.ZodType<PresetModel> = z.strictObject({
  ...stateFields,
  category: z.string(),
  name: z.string(),
  url: z.string().nullable(),
  state: z.enum(['here', 'away', 'missing']),
});
const presetFiles: z.ZodType<PresetFilesAnswer> = z.strictObject({
  presets: z.array(
    z.strictObject({ name: z.string(), family: z.string().nullable(), files: count, absent: z.array(presetModel) }),
  ),
});
const promptRuns: z.ZodType<PromptRunsAnswer> = z.strictObject({
  running: z.array(
    z.strictObject({
      ...{ key: z.string().nullable(), label: z.string(), comfyui: z.string(), waiting: count, runsForMs: count },
      state: z.enum(['starting', 'queued', 'running', 'fetching']),
      promptId: z.string().nullable(),
      ahead: count.nullable(),
      node: z.string().nullable(),
      classType: z.string().nullable(),
      ...{ step: z.number(), steps: z.number(), done: count, nodes: count },
    }),
  ),
});
const compiled: z.ZodType<CompiledAnswer> = z.strictObject({
  ...named,
  prompt: z.record(z.string(), z.strictObject({ class_type: z.string(), inputs: z.record(z.string(), z.unknown()) })),
  models: z.array(presetModel),
  missing: count,
  lacks: z.array(z.string()),
});

const figures = { items: count, max: count, hits: count, misses: count, hitRate: z.number().nullable() };
const graphFigures: z.ZodType<GraphFigures> = z.strictObject(figures);
const graphs: z.ZodType<GraphsAnswer> = z.strictObject({
  ...figures,
  graphs: z.array(
    z.strictObject({
      key: z.string(),
      preset: z.string(),
      config: z.unknown(),
      hits: count,
      createdAt: z.number(),
      expiresAt: z.number(),
    }),
  ),
});
const presets: z.ZodType<PresetsAnswer> = z.strictObject({
  presets: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      families: z.array(z.string()),
      origin: z.enum(['built-in', 'user']),
      slots: z.array(
        z.strictObject({
          name: z.string(),
          kind: z.enum(['text', 'integer', 'number', 'seed', 'images', 'any']),
          meaning: z.string(),
          required: z.boolean(),
          default: z.unknown().exactOptional(),
        }),
      ),
      problem: z.string().nullable(),
    }),
  ),
  graphs: graphFigures,
});

const runPreset = presetBody.extend(runFields);
const watched = eventStream('With "watch": true: events `progress`, then `done` with the answer or `failed` with the error');
const runErrors = ['NOT_FOUND', 'PROMPT_REFUSED', 'PROMPT_FAILED', 'UPSTREAM_AWAY', 'UPSTREAM_SILENT', 'CANCELLED'] as const;

/** Workflows, presets and whole prompts of ComfyUI (docs/PRESETS.md, docs/PROMPTS.md). */
export const promptOperations: readonly Operation[] = [
  {
    method: 'POST',
    url: '/api/workflows/analyze',
    summary: 'The models of a workflow or an API prompt, and their state in the cache',
    body: workflowBody,
    answers: { 200: workflow },
  },
  {
    method: 'POST',
    url: '/api/workflows/prefetch',
    summary: 'Copy the models of a workflow or an API prompt, in load order',
    body: workflowBody,
    answers: { 200: prefetch },
  },
  {
    method: 'POST',
    url: '/api/hints',
    summary: 'The workflow that the user has open: its models are copied into free room, as the likely next loads',
    body: workflowBody,
    answers: { 200: hintAnswer },
  },
  {
    method: 'POST',
    url: '/api/workflows/running',
    summary: 'ComfyUI runs this prompt; the models that its nodes load are learned',
    body: runningBody,
    answers: { 200: z.strictObject({ ok: z.literal(true) }) },
  },
  {
    method: 'POST',
    url: '/api/prompts/run',
    summary: 'The result of an API prompt: kept from before, or ComfyUI runs it once for all askers',
    body: promptBody,
    answers: { 200: [ran, watched], 202: ran },
    errors: runErrors,
  },
  {
    method: 'GET',
    url: '/api/prompts',
    summary: 'The prompts that ComfyUI runs for programs',
    answers: { 200: promptRuns },
  },
  {
    method: 'GET',
    url: '/api/presets/files',
    summary: 'The files that each preset lacks, with its usual settings',
    answers: { 200: presetFiles },
  },
  { method: 'GET', url: '/api/presets', summary: 'The presets and their slots', answers: { 200: presets } },
  { method: 'GET', url: '/api/presets/graphs', summary: 'Compiled graphs of presets', answers: { 200: graphs } },
  {
    method: 'DELETE',
    url: '/api/presets/graphs',
    summary: 'Forget compiled graphs',
    answers: { 200: z.strictObject({ removed: count }) },
    errors: ['RATE_LIMITED'],
  },
  {
    method: 'POST',
    url: '/api/presets/:name',
    summary: 'Run a preset, or with "check" compile it; other fields fill its slots',
    params: presetParams,
    body: runPreset,
    answers: { 200: [z.union([presetRan, compiled]), watched], 202: presetRan },
    errors: runErrors,
  },
  {
    method: 'POST',
    url: '/api/generate-3d-cached',
    summary: 'The preset image-to-3d',
    body: runPreset,
    answers: { 200: [z.union([presetRan, compiled]), watched], 202: presetRan },
    errors: runErrors,
  },
];
