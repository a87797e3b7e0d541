import { test } from 'vitest';
import { checkSchedules } from '../farm/schedules.ts';

test('every live host of 10,000 farms ends with every chunk', () => checkSchedules(10_000));
