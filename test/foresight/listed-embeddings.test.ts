import { expect, test } from 'vitest';
import { listedEmbeddings } from '../../src/foresight/listed-embeddings.ts';

const nameOf = (path: string) => ({ category: path.split('/')[1] ?? '' });
const file = (path: string, size: number) => ({ path, fingerprint: { size } });
const of = (...files: ReturnType<typeof file>[]) => listedEmbeddings(files, nameOf).map(({ item }) => item);

test('the small embeddings of a remote are copied when it is listed, and no other file is', () => {
  const files = [file('/embeddings/b.pt', 3000), file('/loras/l.safetensors', 10), file('/embeddings/a.pt', 2000)];
  expect(of(...files, file('/embeddings/large.safetensors', 17 * 2 ** 20))).toEqual(['/embeddings/a.pt', '/embeddings/b.pt']);
});

test('of very many, the smallest are', () => {
  const many = Array.from({ length: 3000 }, (_, at) => file(`/embeddings/${at}.pt`, 10_000 - at));
  const taken = of(...many);
  expect(taken.length).toBe(2000);
  expect(taken[0]).toBe('/embeddings/2999.pt');
});

test('and no more than half a GiB of them', () => {
  expect(of(...Array.from({ length: 60 }, (_, at) => file(`/embeddings/${at}.pt`, 10 * 2 ** 20))).length).toBe(51);
});
