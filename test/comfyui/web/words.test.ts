import { describe, expect, test } from 'vitest';
import { jobTerms } from '../../../comfyui/web/vocabulary.js';
import {
  badgeText,
  copyText,
  costText,
  counted,
  describeModel,
  formatBytes,
  formatSeconds,
  listed,
  nameOf,
  summarize,
  summaryText,
  unrepeatableText,
} from '../../../comfyui/web/words.js';
import { costText as coreCostText, counted as coreCounted, formatBytes as coreFormatBytes } from '../../../src/core/format.ts';
import { reasons } from '../../../src/core/types.ts';

const model = (changes = {}) => ({
  name: 'flux/a.safetensors',
  category: 'loras',
  tier: 'hdd',
  reason: 'QUEUED',
  why: 'a sentence',
  size: 1000,
  ready: false,
  pinned: false,
  copy: null as number | null,
  ...changes,
});
const running = { id: 3, state: 'running', bytesDone: 2 ** 20, bytesTotal: 2 ** 22, bytesPerSecond: 2 ** 20, etaMs: 3000 };
const ready = model({ ready: true, tier: 'ssd', reason: 'HIT' });

describe('a model of the workflow', () => {
  test('that is being copied shows how far, how fast and how long', () => {
    expect(describeModel(model({ copy: 3 }), [running])).toMatchObject({
      tone: 'copying',
      place: '25%',
      percent: 25,
      detail: '1\u00a0MiB of 4\u00a0MiB, 1\u00a0MiB/s, 3\u00a0s left',
      canCopy: false,
    });
    const fresh = { ...running, bytesDone: 0, bytesPerSecond: 0, etaMs: null };
    expect(describeModel(model({ copy: 3 }), [fresh]).detail).toBe('0\u00a0B of 4\u00a0MiB');
  });

  test.each([
    ['paused', 'copying is paused'],
    ['giving-way', 'another program reads from the same disk and goes first'],
    ['held', 'a copy that a program waits for goes first'],
  ] as const)('whose copy is %s says so, and not when it will be done', (status, why) => {
    const { word } = jobTerms[status];
    const copy = { ...running, status, word, why, bytesPerSecond: 0, etaMs: null };
    const shown = describeModel(model({ copy: 3 }), [copy]);
    expect(shown).toMatchObject({
      tone: 'waiting',
      place: word,
      percent: 25,
      detail: `${word}, 1\u00a0MiB of 4\u00a0MiB: ${why}`,
    });
    expect(copyText(copy)).not.toMatch(/left|MiB\/s/);
  });

  test('that is not needed for what is kept says so, and does not ask to be copied', () => {
    const spared = model({
      notNeeded: true,
      reason: 'BYPASS_EXCLUDED',
      word: 'not needed',
      why: 'what is made with it is kept',
    });
    expect(describeModel(spared, [])).toMatchObject({
      ...{ tone: 'apart', place: 'not needed', detail: 'what is made with it is kept', canCopy: false, percent: null },
    });
    expect(badgeText(summarize([spared, ready], []))).toBe('');
    // A copy that is under way all the same is shown.
    expect(describeModel({ ...spared, copy: 3 }, [running])).toMatchObject({ tone: 'copying' });
  });

  test('is never shown as wholly copied before it is', () => {
    expect(describeModel(model({ copy: 3 }), [{ ...running, bytesDone: 2 ** 22 }]).percent).toBe(99);
    expect(describeModel(model({ copy: 3 }), [{ ...running, bytesDone: 0, bytesTotal: 0 }]).percent).toBe(0);
  });

  test('that waits, that is there, that is nowhere', () => {
    expect(describeModel(model({ copy: 3 }), [{ ...running, state: 'queued' }])).toMatchObject({
      tone: 'waiting',
      place: 'queued',
    });
    expect(describeModel(ready, [])).toMatchObject({ tone: 'ready', place: 'SSD', detail: '', canCopy: false });
    const offline = model({ ready: true, tier: 'ssd', reason: 'HIT_OFFLINE' });
    expect(describeModel(offline, [])).toMatchObject({ tone: 'ready', detail: 'a sentence' });
    const gone = model({ size: null, tier: null, reason: 'SOURCE_MISSING' });
    expect(describeModel(gone, [])).toMatchObject({ tone: 'missing', place: 'missing', canCopy: false });
    const away = { ...gone, reason: 'SOURCE_AWAY' };
    expect(describeModel(away, [])).toMatchObject({ tone: 'missing', place: 'away', canCopy: false });
    const denied = { ...gone, reason: 'NOT_PERMITTED' };
    expect(describeModel(denied, [])).toMatchObject({ tone: 'missing', place: 'not permitted', canCopy: false });
  });

  test('whose copy is under way no more is not shown as being copied', () => {
    expect(describeModel(model({ copy: 3 }), [])).toMatchObject({
      tone: 'slow',
      place: 'HDD',
      detail: 'not copied yet',
      canCopy: true,
    });
  });

  test('has a button for copying only where that would help, and is named', () => {
    const canCopy = reasons.filter((reason) => describeModel(model({ reason }), []).canCopy);
    expect(canCopy).toEqual(['QUEUED', 'STALE', 'NOT_ADMITTED', 'NO_SPACE', 'ERROR']);
    expect(describeModel(model({ category: null }), []).canCopy).toBe(false);
    expect([nameOf(model()), nameOf(model({ category: null }))]).toEqual(['loras/flux/a.safetensors', null]);
  });

  test('that is left alone on purpose is no trouble, unlike one below no known folder', () => {
    const tones = reasons.filter((reason) => describeModel(model({ reason }), []).tone === 'apart');
    expect(tones).toEqual(['BYPASS_SMALL', 'BYPASS_LARGE', 'BYPASS_EXCLUDED', 'BYPASS_FAST_SOURCE', 'BYPASS_SCAN']);
  });
});

describe('the workflow', () => {
  test('is counted in one line', () => {
    const gone = model({ size: null, reason: 'SOURCE_MISSING' });
    expect(summaryText(summarize([ready, model(), gone], []))).toBe('1 of 3 on the fast disk, 1 missing');
    expect(summaryText(summarize([ready], []))).toBe('1 of 1 on the fast disk');
    expect(summaryText(summarize([], []))).toBe('It loads no model files.');
  });

  test('has a badge while something is to be said: its own copies first, then what is slow', () => {
    const other = { ...running, id: 4, bytesDone: 0 };
    expect(badgeText(summarize([ready, model({ copy: 3 })], [running, other]))).toBe('25%');
    expect(badgeText(summarize([model({ copy: 3 }), model({ copy: 4 })], [running, other]))).toBe('12%');
    expect(badgeText(summarize([ready, model(), model()], [other]))).toBe('2');
    expect(badgeText(summarize([ready, model({ reason: 'BYPASS_SMALL' })], []))).toBe('');
  });
});

test('numbers and costs are written as the command line writes them', () => {
  expect([0, 1, 2, 2000].map((count) => counted(count, 'file'))).toEqual(
    [0, 1, 2, 2000].map((count) => coreCounted(count, 'file')),
  );
  for (const [copies, of, bytes] of [
    [1, 1, 5],
    [3, 2000, 2 ** 31],
  ] as const)
    expect(costText(copies, of, bytes)).toBe(inOneLine(coreCostText({ copies, of, bytes })));
});

test('names are listed once each, and at most twelve of them', () => {
  expect(listed(['KSampler', 'VAE Decode', 'KSampler'])).toBe('KSampler, VAE Decode');
  const many = Array.from({ length: 14 }, (_, k) => `node ${k}`);
  expect(listed(many)).toMatch(/^node 0, .*node 11, and 2 more$/);
});

test('classes that are not kept are named with the reason', () => {
  expect(unrepeatableText(['KSampler', 'Canny'])).toBe('KSampler, Canny: gave another output for the same inputs');
});

test('bytes are written as everywhere else in autocached', () => {
  const counts = [0, 1, 1023, 1024, 1536, 1048063, 1048064, 10 ** 9, 6_938_040_682, 2 ** 40, 2 ** 50, 3 * 2 ** 60];
  expect(counts.map(formatBytes)).toEqual(counts.map(coreFormatBytes).map(inOneLine));
});

test('times are written for people', () => {
  expect([0, 0.4, 59.4, 59.6, 3599, 3600, 5400, 172_799, 172_800].map(formatSeconds)).toEqual([
    '0\u00a0s',
    '0\u00a0s',
    '59\u00a0s',
    '1\u00a0min',
    '59\u00a0min',
    '1\u00a0h 0\u00a0min',
    '1\u00a0h 30\u00a0min',
    '2\u00a0days',
    '2\u00a0days',
  ]);
});

/** As the pages write it: a figure and its unit are never apart. */
function inOneLine(text: string): string {
  return text.replace(/(\d) (?=[KMGTP]?i?B)/g, '$1\u00a0');
}
