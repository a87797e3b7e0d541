import { describe, expect, test } from 'vitest';
import { parseRemotes } from '../../src/config/remotes.ts';
import { load, problems } from './load.ts';

const plain = { to: null, list: null, proxy: null, price: null, verify: 'report' };
const s3 = { ...plain, driver: 's3', scheme: 's3', prefix: '', endpoint: null, region: null, profile: null, style: 'virtual' };

describe('AUTOCACHE_REMOTES', () => {
  test('a bucket of AWS', () => {
    const url = 's3://bucket/models?region=eu-central-1';
    expect(parseRemotes(`main=${url}`)).toEqual([
      { ...s3, name: 'main', url, bucket: 'bucket', prefix: 'models', region: 'eu-central-1' },
    ]);
  });

  test('a bucket of another engine, with a price and a proxy', () => {
    const query = 'endpoint=https://abc.r2.cloudflarestorage.com/&profile=r2&price=0.015EUR&proxy=http://127.0.0.1:4001';
    expect(parseRemotes(`r2=s3://b1/p/q/?${query}`)).toMatchObject([
      {
        bucket: 'b1',
        prefix: 'p/q',
        endpoint: 'https://abc.r2.cloudflarestorage.com',
        profile: 'r2',
        style: 'path',
        price: { perGib: 0.015, currency: 'EUR' },
        proxy: 'http://127.0.0.1:4001',
      },
    ]);
  });

  test.each([
    ['hf://black-forest-labs/FLUX.1-dev', { repo: 'black-forest-labs/FLUX.1-dev', revision: 'main', prefix: '' }],
    ['hf://a/b@0123abc?to=vae', { repo: 'a/b', revision: '0123abc', to: 'vae', prefix: '' }],
    ['hf://a/b@refs%2Fpr%2F1/split_files', { revision: 'refs/pr/1', prefix: 'split_files' }],
    ['civitai://2087300?to=loras&verify=strict', { driver: 'http', scheme: 'civitai', id: '2087300', verify: 'strict' }],
    ['https://host/a.safetensors?to=vae&download=true', { address: 'https://host/a.safetensors?download=true', to: 'vae' }],
    ['http://10.0.0.5:8000/m/a.gguf', { driver: 'http', scheme: 'web', address: 'http://10.0.0.5:8000/m/a.gguf' }],
  ])('%s is understood', (url, parts) => {
    expect(parseRemotes(`x=${url}`)).toMatchObject([{ name: 'x', url, ...parts }]);
  });

  test('several, separated by semicolons', () => {
    const remotes = parseRemotes('a=s3://bucket; b=hf://o/r ;;c=civitai://1');
    expect(remotes.map(({ name, driver }) => `${name} ${driver}`)).toEqual(['a s3', 'b http', 'c http']);
  });

  test.each([
    ['s3://bucket/models', /needs a name/],
    ['Main=s3://bucket', /needs a name/],
    ['con=s3://bucket', /Windows/],
    ['a=s3://bucket;a=s3://other', /used twice/],
    ['a=ftp://host/file', /expected an address/],
    ['a=s3://b', /s3:\/\/bucket/],
    ['a=s3://bucket?regin=x', /"regin" is no parameter/],
    ['a=s3://bucket/../other', /\.\./],
    ['a=s3://bucket?style=odd', /path or virtual/],
    ['a=s3://bucket?price=much', /price/],
    ['a=hf://repo', /hf:\/\/org\/repo/],
    ['a=hf://../repo', /hf:\/\/org\/repo/],
    ['a=civitai://name', /number of a model version/],
    ['a=https://host/', /one file/],
    ['a=https://host/x?to=../y', /categories/],
    ['a=s3://bucket?list=%zz', /percent-encoded/],
    ['a=s3://bucket?endpoint=host', /endpoint is an address/],
  ])('%s is refused', (text, why) => {
    expect(() => parseRemotes(text)).toThrow(why);
  });

  test.each([
    ['s3://AKIAX:hush@bucket/models', /AWS_ACCESS_KEY_ID/],
    ['s3://bucket?secret_access_key=hush', /\.aws\/credentials/],
    ['s3://bucket?endpoint=https://ada:hush@host', /password/],
    ['s3://bucket?proxy=http://ada:hush@host', /password/],
    ['hf://hush@org/repo', /HF_TOKEN/],
    ['hf://org/repo@hf_hush', /HF_TOKEN/],
    ['civitai://1?token=hush', /CIVITAI_API_TOKEN/],
    ['https://ada:hush@host/file.gguf', /no password/],
    ['https://host/file.gguf?X-Amz-Signature=hush', /"X-Amz-Signature"/],
    ['https://host/file.gguf?api_key=hush', /"api_key"/],
  ])('credentials in %s are refused, with their place, and are not repeated', (url, why) => {
    const [problem = '', ...more] = problems({ AUTOCACHE_REMOTES: `x=${url}` });
    expect(more).toEqual([]);
    expect(problem).toMatch(why);
    expect(problem).not.toContain('hush');
  });

  test('how often they are listed, and how much of them is read', () => {
    expect(load().config).toMatchObject({ remotes: [], remoteListMs: 900_000, remoteMonthly: null });
    const env = { AUTOCACHE_REMOTE_LIST: '0', AUTOCACHE_REMOTE_MONTHLY: '200GiB' };
    expect(load(env).config).toMatchObject({ remoteListMs: 1_000, remoteMonthly: 200 * 2 ** 30 });
  });
});
