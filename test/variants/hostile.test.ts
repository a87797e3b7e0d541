import { test } from 'vitest';
import { checkHeaders } from './hostile-headers.ts';

test('of 200 hostile headers each is planned or refused with a sentence', () => checkHeaders(200));
