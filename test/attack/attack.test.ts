import { testAttacks } from './attack.ts';

testAttacks(10);
