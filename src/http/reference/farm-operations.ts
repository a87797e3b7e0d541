import { z } from 'zod';
import type { FarmAnswer, FarmLocateAnswer } from '../../api/farm.ts';
import { claimOutcomes, peerErrors } from '../../core/farm.ts';
import { locateQuery } from '../routes/farm.ts';
import { count, path, sharedView } from './answers.ts';
import type { Operation } from './operation.ts';

const figures = { originBytes: count, receivedBytes: count, givenBytes: count };
const holder = z.strictObject({ host: z.string(), has: count });

const farmAnswer: z.ZodType<FarmAnswer> = z.strictObject({
  on: z.boolean(),
  name: z.string().nullable(),
  host: z.string().nullable(),
  url: z.string().nullable(),
  directory: z.strictObject({ state: z.enum(['connecting', 'up', 'away']), why: z.string().nullable() }).nullable(),
  hosts: z.array(
    z.strictObject({
      ...figures,
      host: z.string(),
      url: z.string().nullable(),
      version: z.string(),
      limit: count,
      isThis: z.boolean(),
      isUnderstood: z.boolean(),
    }),
  ),
  contents: z.array(
    z.strictObject({ path, content: z.string(), size: count, chunks: count, has: count, hosts: z.array(holder) }),
  ),
  figures: z.strictObject(figures),
  claims: z.strictObject(keyed(claimOutcomes)),
  peerErrors: z.strictObject(keyed(peerErrors)),
  shared: sharedView.nullable(),
});

const locateAnswer: z.ZodType<FarmLocateAnswer> = z.strictObject({
  path,
  content: z.string().nullable(),
  size: count.nullable(),
  chunks: count.nullable(),
  hosts: z.array(holder),
  shared: z.boolean().nullable(),
});

/** Hosts that share. */
export const farmOperations: readonly Operation[] = [
  {
    method: 'GET',
    url: '/api/farm',
    summary: 'The hosts of the farm, their contents, and the bytes read from each origin',
    answers: { 200: farmAnswer },
  },
  {
    method: 'GET',
    url: '/api/farm/locate',
    summary: 'Which hosts have how much of a file',
    query: locateQuery,
    answers: { 200: locateAnswer },
    errors: ['NOT_FOUND'],
  },
];

function keyed<K extends string>(names: readonly K[]): Record<K, typeof count> {
  return Object.fromEntries(names.map((name) => [name, count])) as Record<K, typeof count>;
}
