import { testAttacks } from '../attack/attack.ts';

testAttacks(1);
