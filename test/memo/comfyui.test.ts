import { describe, expect, test } from 'vitest';
import { createClient } from '../helpers/services.ts';

const [first = '', second = ''] = ['a', 'b'].map((letter) => letter.repeat(64));

describe('POST /api/memo/comfyui', () => {
  test('one question has the mode and what is known of each key, in their order', async () => {
    const { post } = createClient();
    await post('/api/memo/put', { ns: 'comfyui', key: second, value: { value: [1] } });
    const { status, body } = await post('/api/memo/comfyui', { keys: [first, second] });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      mode: 'text',
      code: 'strict',
      results: [
        { key: first, state: 'miss' },
        { key: second, state: 'hit', value: { value: [1] } },
      ],
    });
  });

  test('turned off it has no results, at once', async () => {
    const { post } = createClient();
    await post('/api/memo/put', { ns: 'comfyui', key: first, value: 1 });
    await post('/api/cache/config', { memo_comfyui: 'off' });
    expect((await post('/api/memo/comfyui', { keys: [first] })).body).toEqual({ mode: 'off', code: 'strict', results: [] });
    await post('/api/cache/config', { memo_comfyui: 'results', memo_code: 'version' });
    expect((await post('/api/memo/comfyui', { keys: [first] })).body).toMatchObject({ mode: 'results', code: 'version' });
    await post('/api/cache/config', { memo: 'off' });
    expect((await post('/api/memo/comfyui', {})).body).toMatchObject({ mode: 'off' });
  });

  test('what is no key is refused', async () => {
    const { post } = createClient();
    expect((await post('/api/memo/comfyui', { keys: ['x'] })).status).toBe(400);
    expect((await post('/api/memo/comfyui', { keys: [], more: 1 })).status).toBe(400);
  });
});
