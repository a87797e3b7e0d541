import { execFileSync } from 'node:child_process';
import { messageOf } from '../src/core/errors.ts';

/** Bits per second, as `tc` writes them: of the link of the origin, and of each host. */
export interface Links {
  origin: string;
  host: string;
}

/** Linux network namespaces of one switch, one origin and some hosts; the machine's own network is not touched. Needs root. */
export class FarmNetwork implements Disposable {
  readonly #prefix = `acfarm${process.pid}`;
  readonly #made: string[] = [];

  /** @throws when the machine does not allow it; nothing stays behind then */
  constructor(hosts: number, links: Links) {
    try {
      this.#add(this.#switch);
      run('ip', '-n', this.#switch, 'link', 'add', 'name', 'br0', 'type', 'bridge');
      run('ip', '-n', this.#switch, 'link', 'set', 'dev', 'br0', 'up');
      for (let member = 0; member <= hosts; member++) this.#connect(member, member === 0 ? links.origin : links.host);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Prints the reason when the machine does not allow it. Removes everything at any end of this process. */
  static orSkip(hosts: number, links: Links): FarmNetwork | null {
    try {
      const network = new FarmNetwork(hosts, links);
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
      process.once('exit', () => network[Symbol.dispose]());
      return network;
    } catch (error) {
      const why = messageOf(error).trim().split('\n').at(-1);
      console.log(`SKIPPED: no network namespaces can be made here (root on Linux, ip and tc are needed): ${why}`);
      return null;
    }
  }

  /** Address of a host, from 1; 0 = the origin. */
  address(member: number): string {
    return `10.77.0.${member + 1}`;
  }

  /** The same command within the namespace of a member. */
  within(member: number, ...command: string[]): string[] {
    return ['ip', 'netns', 'exec', this.#nameOf(member), ...command];
  }

  /** Cuts a member off, as a pulled cable does, or connects it again. */
  plug(member: number, state: 'up' | 'down'): void {
    run('ip', '-n', this.#switch, 'link', 'set', 'dev', `p${member}`, state);
  }

  [Symbol.dispose](): void {
    for (const name of this.#made.splice(0).reverse()) {
      for (const pid of attempt(() => run('ip', 'netns', 'pids', name)).split(/\s+/)) {
        // This benchmark started every process of its namespaces.
        if (Number(pid) > 0) attempt(() => String(process.kill(Number(pid), 'SIGKILL')));
      }
      attempt(() => run('ip', 'netns', 'del', name));
    }
  }

  get #switch(): string {
    return `${this.#prefix}-switch`;
  }

  #nameOf(member: number): string {
    return `${this.#prefix}-${member === 0 ? 'origin' : `host${member}`}`;
  }

  #add(name: string): void {
    run('ip', 'netns', 'add', name);
    this.#made.push(name);
    run('ip', '-n', name, 'link', 'set', 'dev', 'lo', 'up');
  }

  #connect(member: number, rate: string): void {
    const [own, port] = [this.#nameOf(member), `p${member}`];
    this.#add(own);
    run('ip', '-n', this.#switch, 'link', 'add', 'name', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', own);
    run('ip', '-n', this.#switch, 'link', 'set', 'dev', port, 'master', 'br0', 'up');
    run('ip', '-n', own, 'address', 'add', `${this.address(member)}/24`, 'dev', 'eth0');
    run('ip', '-n', own, 'link', 'set', 'dev', 'eth0', 'up');
    // Both directions: from the member, and from the switch to it.
    for (const [namespace, device] of [
      [own, 'eth0'],
      [this.#switch, port],
    ] as const) {
      const tbf = ['tbf', 'rate', rate, 'burst', '256kb', 'latency', '50ms'];
      run('tc', '-n', namespace, 'qdisc', 'add', 'dev', device, 'root', ...tbf);
    }
  }
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function attempt(step: () => string): string {
  try {
    return step();
  } catch {
    return '';
  }
}
