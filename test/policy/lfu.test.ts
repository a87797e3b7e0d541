import { policies } from '../../src/policy/policies.ts';
import { policyContract } from './policy.contract.ts';

policyContract(policies.lfu);
