import { MemorySources } from '../helpers/memory-sources.ts';
import { driverContract } from './driver.contract.ts';

driverContract('a driver without descriptors', () => new MemorySources());
