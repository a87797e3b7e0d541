import { vi } from 'vitest';
import { patience } from './patience.ts';

// Before each file of tests: a machine may become busy while they run.
vi.setConfig({ testTimeout: patience(20_000), hookTimeout: patience(10_000) });
