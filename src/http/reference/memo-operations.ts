import { z } from 'zod';
import type { MemoPutAnswer, MemoSimilarAnswer, MemoStaged, MemoVerifyAnswer } from '../../api/memo.ts';
import { codeChecks, comfyuiModes } from '../../api/memo-comfyui.ts';
import { getBody, namespace, putBody, sha256, similarBody, takeBody } from '../memo-requests.ts';
import { emptyBody, explainQuery, namespaceBody, releaseBody, renewBody } from '../routes/memo.ts';
import { missingBody, stageBody, takeBody as takeStagedBody } from '../routes/memo-blobs.ts';
import { contentsBody, likelyBody, promptBody, seenBody } from '../routes/memo-comfyui.ts';
import { invalidateBody } from '../routes/memo-plane.ts';
import { count, path } from './answers.ts';
import { memoExplanation, memoFound, memoNamespace, memoRemoval, memoTaken, refusal } from './memo-answers.ts';
import type { Operation, OtherBody } from './operation.ts';

const ok = z.strictObject({ ok: z.literal(true) });
const many = z.strictObject({ results: z.array(memoFound) });
const put: z.ZodType<MemoPutAnswer> = z.strictObject({
  stored: z.boolean(),
  reason: refusal.exactOptional(),
  key: z.string(),
});
const similar: z.ZodType<MemoSimilarAnswer> = z.strictObject({
  similar: z.array(
    z.strictObject({
      key: z.string(),
      similarity: z.number(),
      sameWords: z.boolean(),
      ageMs: z.number(),
      label: z.string().nullable(),
    }),
  ),
});
const staged: z.ZodType<MemoStaged> = z.strictObject({ staged: z.string(), path });
const verified: z.ZodType<MemoVerifyAnswer> = z.strictObject({
  checked: count,
  bytes: count,
  damaged: z.array(z.string()),
  removed: count,
});
const blob = z.strictObject({ sha256: z.string(), size: count });
const comfyui = z.strictObject({
  mode: z.enum(comfyuiModes),
  code: z.enum(codeChecks),
  audit: z.number().exactOptional(),
  others: z.array(z.boolean()).exactOptional(),
  classes: z.array(z.enum(['repeatable', 'unrepeatable', 'unknown'])),
  results: z.array(memoFound),
});

const bytes: OtherBody = { type: 'application/octet-stream', meaning: 'The bytes' };
const blobParams = z.object({ sha256 });

/** Results: finding, computing once, storing (docs/MEMO.md). */
export const memoOperations: readonly Operation[] = [
  {
    method: 'POST',
    url: '/api/memo/get',
    summary: 'Find a result by key or parts, or many by their keys',
    body: getBody,
    answers: { 200: z.union([memoFound, many]) },
  },
  {
    method: 'POST',
    url: '/api/memo/take',
    summary: 'Find a result, wait for a computation of it, or get the lease to compute it',
    body: takeBody,
    answers: { 200: memoTaken },
  },
  {
    method: 'POST',
    url: '/api/memo/put',
    summary: 'Store a result',
    body: putBody,
    answers: { 200: put },
    errors: ['LEASE_LOST', 'NOT_FOUND', 'CONFLICT'],
  },
  {
    method: 'POST',
    url: '/api/memo/renew',
    summary: 'Renew the lease of a computation',
    body: renewBody,
    answers: { 200: z.strictObject({ leaseMs: z.number() }) },
    errors: ['LEASE_LOST'],
  },
  {
    method: 'POST',
    url: '/api/memo/release',
    summary: 'Give up a computation, with an error for its waiters',
    body: releaseBody,
    answers: { 200: ok },
    errors: ['LEASE_LOST'],
  },
  {
    method: 'POST',
    url: '/api/memo/similar',
    summary: 'Questions in similar words, the nearest first',
    body: similarBody,
    answers: { 200: similar },
    errors: ['UPSTREAM_AWAY', 'UPSTREAM_SILENT'],
  },
  {
    method: 'POST',
    url: '/api/memo/invalidate',
    summary: 'Remove results by keys, tags, dependencies or age',
    body: invalidateBody,
    answers: { 200: memoRemoval },
    errors: ['RATE_LIMITED'],
  },
  {
    method: 'GET',
    url: '/api/memo/explain',
    summary: 'Why a key is found, or not',
    query: explainQuery,
    answers: { 200: memoExplanation },
  },
  {
    method: 'POST',
    url: '/api/memo/verify',
    summary: 'Read all blobs again and compare them with their names',
    body: emptyBody,
    answers: { 200: verified },
  },
  {
    method: 'GET',
    url: '/api/memo/namespaces',
    summary: 'The namespaces, with their settings and figures',
    answers: { 200: z.strictObject({ namespaces: z.array(memoNamespace) }) },
  },
  {
    method: 'PUT',
    url: '/api/memo/namespaces/:ns',
    summary: 'Change the settings of a namespace; a new version leaves all of its earlier results behind',
    params: z.object({ ns: namespace }),
    body: namespaceBody,
    answers: { 200: memoNamespace },
    errors: ['CACHE_AWAY'],
  },
  {
    method: 'POST',
    url: '/api/memo/blobs/missing',
    summary: 'Which of these blobs are not here',
    body: missingBody,
    answers: { 200: z.strictObject({ missing: z.array(z.string()) }) },
  },
  {
    method: 'POST',
    url: '/api/memo/stage',
    summary: 'A file on the cache’s disk for a program to fill',
    body: stageBody,
    answers: { 200: staged },
    errors: ['BODY_TOO_LARGE', 'CONFLICT', 'NO_SPACE', 'TOO_LARGE'],
  },
  {
    method: 'DELETE',
    url: '/api/memo/stage/:staged',
    summary: 'Remove such a file',
    params: z.object({ staged: z.string() }),
    answers: { 200: ok },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'POST',
    url: '/api/memo/blobs',
    summary: 'Take a filled file as a blob',
    body: takeStagedBody,
    answers: { 201: blob },
    errors: ['NOT_FOUND', 'CONFLICT', 'HASH_MISMATCH'],
  },
  {
    method: 'GET',
    url: '/api/memo/blobs/:sha256',
    summary: 'The bytes of a blob, or one range of them',
    params: blobParams,
    answers: { 200: bytes, 206: bytes, 416: null },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'HEAD',
    url: '/api/memo/blobs/:sha256',
    summary: 'Whether a blob is here, and its size',
    params: blobParams,
    answers: { 200: null, 404: null },
  },
  {
    method: 'PUT',
    url: '/api/memo/blobs/:sha256',
    summary: 'Store a blob under its SHA-256',
    params: blobParams,
    body: bytes,
    answers: { 201: blob },
    errors: ['HASH_MISMATCH', 'CONFLICT', 'NO_SPACE', 'TOO_LARGE'],
  },
  {
    method: 'POST',
    url: '/api/memo/comfyui',
    summary: "ComfyUI's request before each prompt: the outputs to keep, and the known outputs of its nodes",
    body: promptBody,
    answers: { 200: comfyui },
  },
  {
    method: 'POST',
    url: '/api/memo/comfyui/likely',
    summary: 'Which outputs a waiting prompt will probably be given',
    body: likelyBody,
    answers: { 200: z.strictObject({ results: z.array(z.strictObject({ structure: z.string(), value: z.unknown() })) }) },
  },
  {
    method: 'POST',
    url: '/api/memo/comfyui/contents',
    summary: 'The SHA-256 of models in their order, of those that were read and are as they were then',
    body: contentsBody,
    answers: { 200: z.strictObject({ sha256: z.array(z.string().nullable()) }) },
  },
  {
    method: 'POST',
    url: '/api/memo/comfyui/seen',
    summary: 'Report a computed output; answers whether its class of nodes is repeatable, if known',
    body: seenBody,
    answers: { 200: z.strictObject({ known: z.enum(['repeatable', 'unrepeatable', 'unknown']) }) },
  },
];
