import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface WinePlace {
  /** The program that runs programs of Windows. */
  loader: string;
  /** The directory with its drives. */
  prefix: string;
  /** The directory that a user unpacks: `node.exe`, `autocached.cmd`, … */
  program: string;
}

export interface Output {
  code: number | null;
  /** Standard output and errors. */
  text: string;
}

/** Null when there is none. Debian puts it beside the path. */
export function findWine(): string | null {
  return ['/usr/lib/wine/wine64', '/usr/bin/wine64', '/usr/bin/wine'].find((path) => existsSync(path)) ?? null;
}

/** A Windows of its own, under Wine. */
export class Wine {
  readonly place: WinePlace;

  constructor(place: WinePlace) {
    this.place = place;
  }

  async boot(): Promise<void> {
    mkdirSync(this.place.prefix, { recursive: true });
    await this.run('wineboot', ['-i']);
    await this.run('winecfg', ['-v', 'win10']);
  }

  /** Ends every program in it. */
  shutDown(): void {
    const server = [join(dirname(realpathSync(this.place.loader)), 'wineserver'), '/usr/bin/wineserver'].find(existsSync);
    if (server !== undefined) spawnSync(server, ['-k'], { env: this.#environment({}) });
  }

  /** The profile of its user, who is called as the one on Linux. */
  get profile(): string {
    const name = readdirSync(this.unix('C:\\users')).find((user) => user !== 'Public');
    return `C:\\users\\${name}`;
  }

  /** The path on Linux of a path on drive C. */
  unix(path: string): string {
    return join(this.place.prefix, 'drive_c', ...path.replace(/^C:\\/, '').split('\\'));
  }

  /** Starts a program of Windows. Its output goes to a file: Node for Windows cannot write to a pipe of Wine. */
  start(program: string, args: readonly string[], env: Record<string, string> = {}): { child: ChildProcess; text(): string } {
    const output = join(mkdtempSync(join(dirname(this.place.prefix), 'output-')), 'text');
    const fd = openSync(output, 'a');
    const child = spawn(this.place.loader, [program, ...args], { env: this.#environment(env), stdio: ['ignore', fd, fd] });
    closeSync(fd);
    return { child, text: () => readFileSync(output, 'utf8') };
  }

  async run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Output> {
    const { child, text } = this.start(program, args, env);
    const [code] = (await once(child, 'exit')) as [number | null];
    return { code, text: text() };
  }

  /** Runs the command of autocached. */
  autocached(args: readonly string[], env: Record<string, string> = {}): Promise<Output> {
    return this.run(join(this.place.program, 'node.exe'), [this.entry, ...args], env);
  }

  get entry(): string {
    return join(this.place.program, 'node_modules/autocached/dist/bin/autocached.js');
  }

  #environment(env: Record<string, string>): NodeJS.ProcessEnv {
    const { HOME, PATH, USER } = process.env;
    const { prefix } = this.place;
    // Wine 8 says that it is a Windows older than those which Node checks for.
    const own = { WINEPREFIX: prefix, WINEARCH: 'win64', WINEDEBUG: '-all', NODE_SKIP_PLATFORM_CHECK: '1' };
    return { HOME, PATH, USER, ...own, ...env };
  }
}
