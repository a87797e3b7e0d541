import { createClient } from '../helpers/services.ts';

/** A client that writes files for the daemon. */
export function createStager() {
  const client = createClient();
  const { post, services } = client;
  const stage = async (size: number) => (await post('/api/memo/stage', { size })).body as { staged: string; path: string };
  const take = (staged: string, more: object = {}) => post('/api/memo/blobs', { staged, ...more });
  const put = (more: object) => post('/api/memo/put', { ns: 'n', parts: 1, ...more });
  const find = async () => (await post('/api/memo/get', { ns: 'n', parts: 1 })).body as Record<string, unknown>;
  return { ...client, stage, take, put, find, stats: () => services.memo.manage.stats() };
}
