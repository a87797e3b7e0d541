import { lru } from '../../src/policy/lru.ts';
import { policyContract } from './policy.contract.ts';

policyContract(lru);
