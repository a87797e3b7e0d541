import { launchdPlan } from './launchd.ts';
import type { ServiceFacts, ServicePlan } from './plan.ts';
import { scheduledTaskPlan } from './scheduled-task.ts';
import { systemdPlan } from './systemd.ts';

const plans = { linux: systemdPlan, darwin: launchdPlan, win32: scheduledTaskPlan };

/** The plan for the service manager of the platform. */
export function servicePlan(facts: ServiceFacts): ServicePlan {
  return plans[facts.platform](facts);
}
