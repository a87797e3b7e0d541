import { expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';

const shards = {
  'text_encoders/t5/model-00001-of-00003.safetensors': 3_000_000,
  'text_encoders/t5/model-00002-of-00003.safetensors': 3_000_000,
  'text_encoders/t5/model-00003-of-00003.safetensors': 3_000_000,
  'text_encoders/t5/config.json': 200,
};

test('warm of one shard has waited for all of its model when it ends', async () => {
  // Slow enough for the first shard to be there long before the others.
  const daemon = await runDaemon(shards, { AUTOCACHE_RATE: '8MiB', AUTOCACHE_JOBS: '1' });
  const options = { stateDir: daemon.stateDir, cwd: daemon.root };
  const [first = ''] = Object.keys(shards);
  expect(await runCli(['warm', first], options)).toMatchObject({ code: 0 });
  const { jobs } = await daemon.client.jobs();
  expect(jobs.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done']);
  const { entries } = await daemon.client.entries({ cached: true });
  expect(entries).toHaveLength(4);
});
