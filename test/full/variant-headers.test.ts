import { test } from 'vitest';
import { checkHeaders } from '../variants/hostile-headers.ts';

test('of 2,000 hostile headers each is planned for a variant or refused with a sentence', () => checkHeaders(2000));
