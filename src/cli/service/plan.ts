export const platforms = ['linux', 'darwin', 'win32'] as const;
export type ServicePlatform = (typeof platforms)[number];

/** The facts that a service depends on. */
export interface ServiceFacts {
  platform: ServicePlatform;
  /** For the whole machine, started when it starts; otherwise for one user, started when that user logs in. */
  system: boolean;
  /** The command line of the daemon, with absolute paths. */
  command: string[];
  /** The user that the daemon runs as. */
  user: { name: string; id: number; home: string };
  stateDir: string;
  /** Directories that the daemon writes to, the state directory among them. */
  writable: string[];
}

/** The steps that make the daemon a service of its platform, and undo it. Making the plan changes nothing. */
export interface ServicePlan {
  /** The service manager, for people. */
  manager: string;
  /** Absolute path of the service's file. */
  file: string;
  text: string;
  encoding: 'utf8' | 'utf16le';
  /** Commands before the file is written, and after it, in order. */
  prepare: string[][];
  install: Step[];
  /** Commands that end the daemon and start it again from the files that are there. */
  restart: Step[];
  /** Commands before the file is removed, and after it. */
  uninstall: Step[];
  tidy: string[][];
  /** Its exit code tells whether the service runs, or, on Windows, whether it exists. */
  query: string[];
  /** Its log: a path, or the command that shows it. */
  log: string;
  /** Notes for the user. One sentence each. */
  notes: string[];
}

/** One command. */
export interface Step {
  command: string[];
  /** It fails when there is nothing to do, as when stopping a service that does not run. */
  mayFail?: true;
}
