import { lfu } from '../../src/policy/lfu.ts';
import { policyContract } from './policy.contract.ts';

policyContract(lfu);
