// Runs the steps of Dockerfile without a container engine, each stage in a directory tree of its own with chroot, and then what the
// container would run, as its user. For machines on which there is no engine to try it with. As root, from the top of the repository:
//   node config/docker/run-steps.mjs BASE WORK
// BASE is a tree like node:24-slim: a minimal Debian (debootstrap --variant=minbase), node and npm below /usr/local, a user node. WORK
// must not exist yet.
// Other features of an engine are not tested: namespaces, layers, the isolation of the network, the limits of compose files.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const [base, work] = process.argv.slice(2);
const file = 'config/docker/Dockerfile';
const stages = new Map();
let stage;

/** Runs a program to its end. @throws Error when it fails */
function run(program, args, options = {}) {
  const { status } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: exit code ${status}`);
}

/** The command line that runs `command` inside of a stage as a user of it. */
const inside = ({ tree, user = 'root', dir = '/' }, command) => [
  'chroot',
  [`--userspec=${user}`, tree, '/bin/sh', '-c', `cd ${dir} && exec "$@"`, 'sh', ...command],
];
const environment = ({ env }) => ({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => /^npm_config_|^NODE_EXTRA_CA_CERTS$/.test(name))),
  ...env,
});

/** Files of the repository that Dockerfile.dockerignore lets through. */
function context() {
  const ignored = readFileSync(`${file}.dockerignore`, 'utf8').trim().split('\n');
  return ignored.flatMap((pattern) => ['--exclude', pattern.startsWith('**/') ? pattern.slice(3) : `./${pattern}`]);
}

const steps = {
  FROM(words) {
    const name = words[2] ?? 'last';
    stage = { tree: join(work, name), env: {}, dir: '/' };
    stages.set(name, stage);
    run('cp', ['-a', '--reflink=auto', base, stage.tree]);
    run('mount', ['-t', 'proc', 'proc', join(stage.tree, 'proc')]);
    // npm must find its registry as it does outside.
    for (const place of ['/etc/resolv.conf', '/etc/hosts', '/etc/ssl/certs/ca-certificates.crt']) {
      if (existsSync(place)) run('cp', ['-L', place, join(stage.tree, place)]);
    }
  },
  WORKDIR([dir]) {
    stage.dir = dir;
    mkdirSync(join(stage.tree, dir), { recursive: true });
  },
  COPY(words) {
    const from = /^--from=(.*)/.exec(words[0])?.[1];
    const [target, ...sources] = (from ? words.slice(1) : words).reverse();
    const to = join(stage.tree, target.startsWith('/') ? target : join(stage.dir, target));
    mkdirSync(to, { recursive: true });
    if (from) run('cp', ['-a', ...sources.flatMap((source) => globSync(join(stages.get(from).tree, source))), to]);
    else
      run('sh', ['-c', 'tar -c "$@" | tar -x -C "$TO"', 'sh', ...context(), ...sources.map((source) => join('./', source))], {
        env: { ...process.env, TO: to },
      });
  },
  RUN: (_, text) => run(...inside(stage, ['/bin/sh', '-c', text]), { env: environment(stage) }),
  ENV: (words) => Object.assign(stage.env, Object.fromEntries(words.map((word) => word.split('=')))),
  USER([user]) {
    stage.user = user;
  },
  VOLUME: () => {},
  EXPOSE: () => {},
  HEALTHCHECK(_, text) {
    stage.healthy = JSON.parse(text.slice(text.indexOf('CMD ') + 4));
  },
  ENTRYPOINT(_, text) {
    stage.entrypoint = JSON.parse(text);
  },
  CMD(_, text) {
    stage.command = JSON.parse(text);
  },
};

/** Tests the container's command: it starts, is healthy, copies a model of /models, ends on SIGTERM. */
async function tryContainer() {
  const model = join(stage.tree, 'models/checkpoints/a.safetensors');
  mkdirSync(join(model, '..'), { recursive: true });
  run('sh', ['-c', 'head -c 20000000 /dev/urandom > "$1"', 'sh', model]);
  const inContainer = (...words) => spawnSync(...inside(stage, words), { env: environment(stage), encoding: 'utf8' });
  const [program, args] = inside(stage, [...stage.entrypoint, ...stage.command]);
  const daemon = spawn(program, args, { env: environment(stage), stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => daemon.once('exit', (code) => resolve(code)));
  try {
    while (inContainer(...stage.healthy).status !== 0) {
      if (daemon.exitCode !== null) throw new Error('the daemon ended before it was healthy');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const { stdout, stderr } = inContainer(
      'autocached',
      'lookup',
      '/models/checkpoints/a.safetensors',
      '--wait',
      '1m',
      '--json',
    );
    if (!stdout.includes('"reason": "HIT')) throw new Error(`the lookup answered ${stdout}${stderr}`);
    console.log(`healthy, and a copy of ${basename(model)} was made as ${inContainer('id', '-un').stdout.trim()}`);
  } finally {
    daemon.kill('SIGTERM');
  }
  if ((await ended) !== 0) throw new Error('the daemon did not end well');
}

mkdirSync(work);
try {
  for (const line of readFileSync(file, 'utf8')
    .replace(/\\\n\s*/g, '')
    .split('\n')) {
    const [, step, rest] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (step === undefined) continue;
    console.log(`${step} ${rest}`);
    steps[step](
      rest.split(' ').filter((word) => word !== ''),
      rest,
    );
  }
  await tryContainer();
} finally {
  for (const { tree } of stages.values()) spawnSync('umount', [join(tree, 'proc')]);
}
