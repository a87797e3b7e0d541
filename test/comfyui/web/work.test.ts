import { expect, test } from 'vitest';
import { leftText, workOf } from '../../../comfyui/web/work.js';

const MiB = 2 ** 20;
const job = (state: string, status: string, more: object = {}) => ({
  state,
  status,
  bytesDone: 0,
  bytesTotal: 100 * MiB,
  bytesPerSecond: 0,
  ...more,
});
const running = job('running', 'running', { bytesDone: 50 * MiB, bytesPerSecond: MiB });
const waiting = job('queued', 'queued');
const ended = job('done', 'done', { bytesDone: 100 * MiB });

test('all copies together have one progress and one time, without those that have ended', () => {
  const work = workOf([running, waiting, ended], false);
  expect(work).toMatchObject({ word: 'copying', percent: 25, bytesLeft: 150 * MiB, secondsLeft: 150 });
  expect(leftText(work)).toBe('2 copies, 150\u00a0MiB and 2\u00a0min left');
});

test('nothing is said to be copied, and no time is told, while nothing moves', () => {
  const gives = job('running', 'giving-way', { bytesDone: 50 * MiB });
  expect(workOf([gives, waiting], false)).toMatchObject({ word: 'giving way', secondsLeft: null });
  expect(leftText(workOf([gives], false))).toBe('1 copy, 50\u00a0MiB left');
  expect(workOf([gives, running], false).word).toBe('copying');
  expect(workOf([waiting], false).word).toBe('queued');
  expect(workOf([running], true).word).toBe('paused');
  expect(workOf([ended], false).word).toBe('idle');
});
