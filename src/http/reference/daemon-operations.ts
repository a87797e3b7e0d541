import { z } from 'zod';
import type { ForgetRootsAnswer, LeaseAnswer, RootsAnswer } from '../../api/api.ts';
import type { SignInView, Throughput, ToldEvents } from '../../api/dashboard.ts';
import type { StuckAnswer } from '../../api/open-sources.ts';
import type { RemoteHeaderAnswer, RemotesAnswer } from '../../api/remotes.ts';
import type { RemovedVariantAnswer, VariantReportAnswer, VariantsAnswer, VariantView } from '../../api/variants.ts';
import { proofQuery } from '../proofs.ts';
import { sessionBody, signOutBody } from '../routes/dashboard.ts';
import { jobParams, jobsQuery } from '../routes/jobs.ts';
import { leaseBody } from '../routes/leases.ts';
import { remoteHeaderQuery } from '../routes/remotes.ts';
import { forgetBody, rootsBody } from '../routes/roots.ts';
import { stuckBody } from '../routes/stuck.ts';
import { variantBody, variantName } from '../routes/variants.ts';
import { count, jobView, path, remoteView, removalAnswer, rootView } from './answers.ts';
import { eventStream, type Operation } from './operation.ts';

const health = z.strictObject({ ok: z.literal(true), version: z.string(), accounting: z.literal(true).exactOptional() });
const rootsAnswer: z.ZodType<RootsAnswer> = z.strictObject({ roots: z.array(rootView) });
const remotesAnswer: z.ZodType<RemotesAnswer> = z.strictObject({ remotes: z.array(remoteView) });
const remoteHeaderAnswer: z.ZodType<RemoteHeaderAnswer> = z.strictObject({
  path,
  size: count,
  header: z.record(z.string(), z.unknown()),
});
const variant: z.ZodType<VariantView> = z.strictObject({
  path,
  name: z.string(),
  category: z.string(),
  source: path.nullable(),
  form: z.string(),
  state: z.enum(['waiting', 'making', 'ready', 'stale', 'failed']),
  why: z.string().nullable(),
  bytes: count,
  sourceBytes: count,
  architecture: z.string().nullable(),
  leastSqnr: z.number().nullable(),
  layers: count.nullable(),
  createdAt: z.string(),
  job: jobView.nullable(),
});
const variantView = variant.meta({ id: 'Variant' });
const variantsAnswer: z.ZodType<VariantsAnswer> = z.strictObject({
  directory: path,
  bytes: count,
  limit: count,
  variants: z.array(variantView),
});
const variantReport: z.ZodType<VariantReportAnswer> = z.strictObject({
  variant: variantView,
  sha256: z.string(),
  layers: z.array(
    z.strictObject({ name: z.string(), format: z.string(), sqnr: z.number().nullable(), worst: z.number().min(0) }),
  ),
});
const removedVariant: z.ZodType<RemovedVariantAnswer> = z.strictObject({
  path,
  bytes: count,
  formerStays: z.boolean(),
});
const forgetAnswer: z.ZodType<ForgetRootsAnswer> = z.strictObject({
  roots: z.array(rootView),
  removed: removalAnswer.nullable(),
});
const leaseAnswer: z.ZodType<LeaseAnswer> = z.strictObject({
  leases: z.array(z.strictObject({ path, expiresInMs: z.number() })),
  seen: z.boolean(),
});
const stuckAnswer: z.ZodType<StuckAnswer> = z.strictObject({ stuck: z.array(path), free: z.enum(['off', 'auto']) });
const signIn: z.ZodType<SignInView> = z.strictObject({
  id: z.int(),
  browser: z.string(),
  createdAt: z.string(),
  usedAt: z.string(),
  current: z.boolean(),
});
const toldEvents: z.ZodType<ToldEvents> = z.strictObject({
  kinds: z.array(z.string()),
  events: z.array(
    z.strictObject({
      number: z.int(),
      at: z.string(),
      path: path.nullable(),
      text: z.string(),
      kind: z.string(),
      trouble: z.boolean(),
    }),
  ),
});
const throughput: z.ZodType<Throughput> = z.strictObject({ everyMs: z.int(), bytes: z.array(z.number()) });
const paused = z.strictObject({ paused: z.boolean() });

/** The daemon itself, its folders, its copies under way, and the programs that use it. */
export const daemonOperations: readonly Operation[] = [
  { method: 'GET', url: '/healthz', summary: 'Whether the daemon is there', answers: { 200: health }, open: true },
  {
    method: 'GET',
    url: '/api/openapi.json',
    summary: 'This reference',
    answers: { 200: z.looseObject({ openapi: z.string() }) },
  },
  {
    method: 'GET',
    url: '/api/proof',
    summary: 'The daemon shows that it knows the token (docs/TRUST.md)',
    query: proofQuery,
    answers: { 200: z.strictObject({ nonce: z.string(), proof: z.string() }) },
    open: true,
  },
  {
    method: 'POST',
    url: '/api/shutdown',
    summary: 'Stop the daemon',
    answers: { 200: z.strictObject({ stopping: z.literal(true) }) },
  },
  {
    method: 'POST',
    url: '/api/dashboard/code',
    summary: 'A one-time code for signing in to the dashboard, valid 60 s',
    answers: { 200: z.strictObject({ path: z.string() }) },
  },
  {
    method: 'POST',
    url: '/api/dashboard/session',
    summary: 'Exchange a one-time code for a sign-in: a cookie, and the key that must come with it',
    body: sessionBody,
    answers: { 200: z.strictObject({ key: z.string() }) },
    open: true,
  },
  {
    method: 'GET',
    url: '/api/dashboard/sign-ins',
    summary: 'The browsers that are signed in',
    answers: { 200: z.strictObject({ signIns: z.array(signIn) }) },
  },
  {
    method: 'POST',
    url: '/api/dashboard/sign-out',
    summary: 'Sign out a browser, all of them, or the one that asks',
    body: signOutBody,
    answers: { 200: z.strictObject({ signedOut: count }) },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'GET',
    url: '/api/events',
    summary: 'All events, as server-sent events; their names and data are in src/api/event-map.ts',
    answers: { 200: eventStream('A stream that does not end') },
    errors: ['CONFLICT'],
  },
  {
    method: 'GET',
    url: '/api/events/recent',
    summary: 'The last events, newest first',
    answers: {
      200: z.strictObject({ events: z.array(z.strictObject({ name: z.string(), data: z.unknown(), at: z.string() })) }),
    },
  },
  {
    method: 'GET',
    url: '/api/events/told',
    summary: 'The last events in words, newest first',
    answers: { 200: toldEvents },
  },
  {
    method: 'GET',
    url: '/metrics',
    summary: 'Figures for Prometheus',
    answers: { 200: { type: 'text/plain', meaning: 'Prometheus’ text format' } },
  },
  {
    method: 'GET',
    url: '/api/remotes',
    summary: 'Models in S3, on Hugging Face, Civitai and web servers: whether they answer, and the bytes read from them',
    answers: { 200: remotesAnswer },
  },
  {
    method: 'GET',
    url: '/api/remote/header',
    summary: 'The header of a safetensors file that lies on a remote; its placeholder has none',
    query: remoteHeaderQuery,
    answers: { 200: remoteHeaderAnswer },
    errors: ['NOT_FOUND', 'CORRUPT', 'SOURCE_AWAY', 'SOURCE_CHANGED'],
  },
  {
    method: 'GET',
    url: '/api/variants',
    summary: 'Smaller models that were made on purpose, and those on their way',
    answers: { 200: variantsAnswer },
  },
  {
    method: 'GET',
    url: '/api/variants/report',
    summary: 'Rounding error of each layer of a variant, the largest first',
    query: variantName,
    answers: { 200: variantReport },
    errors: ['NOT_FOUND', 'CONFLICT'],
  },
  {
    method: 'POST',
    url: '/api/variants',
    summary: 'Make a smaller file of a model, under a name of its own',
    body: variantBody,
    answers: { 200: variantView },
    errors: ['NOT_FOUND', 'SOURCE_MISSING', 'SOURCE_AWAY', 'CORRUPT', 'CONFLICT', 'NOT_ADMITTED', 'TOO_LARGE'],
  },
  {
    method: 'DELETE',
    url: '/api/variants',
    summary: 'Remove a variant, or end the making of one; a former one stays',
    body: variantName,
    answers: { 200: removedVariant },
    errors: ['NOT_FOUND', 'CONFLICT', 'IN_USE', 'CACHE_AWAY'],
  },
  { method: 'GET', url: '/api/roots', summary: 'The model folders', answers: { 200: rootsAnswer } },
  { method: 'POST', url: '/api/roots', summary: 'Name model folders', body: rootsBody, answers: { 200: rootsAnswer } },
  {
    method: 'DELETE',
    url: '/api/roots',
    summary: 'Forget model folders, with `copies` their copies too; nothing in the folders is touched',
    body: forgetBody,
    answers: { 200: forgetAnswer },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'GET',
    url: '/api/jobs',
    summary: 'Copies under way: running ones first, then waiting ones',
    query: jobsQuery,
    answers: { 200: z.strictObject({ jobs: z.array(jobView), paused: z.boolean() }) },
  },
  {
    method: 'GET',
    url: '/api/jobs/throughput',
    summary: 'Bytes copied in the last five minutes',
    answers: { 200: throughput },
  },
  { method: 'POST', url: '/api/jobs/pause', summary: 'Pause copying', answers: { 200: paused } },
  { method: 'POST', url: '/api/jobs/resume', summary: 'Resume copying', answers: { 200: paused } },
  {
    method: 'POST',
    url: '/api/jobs/:id/raise',
    summary: 'Copy this before the others',
    params: jobParams,
    answers: { 200: z.strictObject({ job: jobView }) },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'DELETE',
    url: '/api/jobs/:id',
    summary: 'Cancel a copy',
    params: jobParams,
    answers: { 200: z.strictObject({ job: jobView }) },
    errors: ['NOT_FOUND'],
  },
  {
    method: 'POST',
    url: '/api/leases',
    summary: 'A program says which copies it still uses, and how long its loads took',
    body: leaseBody,
    answers: { 200: leaseAnswer },
  },
  {
    method: 'POST',
    url: '/api/stuck',
    summary: 'A program names the sources it has open; the answer says which of them have a copy',
    body: stuckBody,
    answers: { 200: stuckAnswer },
  },
];
