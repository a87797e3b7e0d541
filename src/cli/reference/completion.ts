import { allCommands, type CommandFacts, type OptionFacts } from './tree.ts';

export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

interface Word {
  word: string;
  says: string;
}

/** The script by which a shell completes commands, options and the words that options take; anything else is a file. */
export function completionScript(shell: Shell, program: CommandFacts): string {
  return scripts[shell](program);
}

const scripts: Record<Shell, (program: CommandFacts) => string> = { bash, zsh, fish, powershell };

function wordsOf({ commands, options }: CommandFacts, program: CommandFacts): Word[] {
  const own = new Set(options.map(({ long }) => long));
  const everywhere = program.options.filter(({ long }) => !own.has(long));
  return [
    ...commands.map(({ path, description }) => ({ word: path.split(' ').at(-1) ?? '', says: description })),
    ...[...options, ...everywhere].map(({ long, description }) => ({ word: long, says: description })),
  ];
}

/** Commands with their words, and options that take one of some words. */
function tablesOf(program: CommandFacts): { commands: { path: string; words: Word[] }[]; values: [string, string[]][] } {
  const all = allCommands(program);
  const choices = new Map<string, string[]>();
  const take = ({ long, choices: words }: OptionFacts) =>
    words.length > 0 && choices.set(long, [...new Set([...(choices.get(long) ?? []), ...words])]);
  for (const { options } of all) options.forEach(take);
  return { commands: all.map((one) => ({ path: one.path, words: wordsOf(one, program) })), values: [...choices] };
}

/** The text in single quotes, for bash, zsh and fish. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function bash(program: CommandFacts): string {
  const { commands, values } = tablesOf(program);
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# bash completion of autocached
_autocached() {
  local path='' words='' word i cur=\${COMP_WORDS[COMP_CWORD]}
  case \${COMP_WORDS[COMP_CWORD-1]} in
${values.map(([option, words]) => `    ${option}) words=${quoted(words.join(' '))} ;;`).join('\n')}
  esac
  if [ -z "$words" ]; then
    for ((i = 1; i < COMP_CWORD; i++)); do
      word=\${COMP_WORDS[i]}
      case "\${path:+$path }$word" in
        ${paths.join(' | ')}) path="\${path:+$path }$word" ;;
      esac
    done
    case "$path" in
${commands.map(({ path, words }) => `      ${quoted(path)}) words=${quoted(words.map(({ word }) => word).join(' '))} ;;`).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _autocached autocached
`;
}

function zsh(program: CommandFacts): string {
  const { commands, values } = tablesOf(program);
  const described = ({ word, says }: Word) => quoted(`${word}:${says.replaceAll(':', '\\:')}`);
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `#compdef autocached
# zsh completion of autocached
_autocached() {
  local path='' word
  local -a found
  case \${words[CURRENT-1]} in
${values.map(([option, words]) => `    ${option}) compadd -- ${words.map(quoted).join(' ')}; return ;;`).join('\n')}
  esac
  for word in \${words[2,CURRENT-1]}; do
    case "\${path:+$path }$word" in
      ${paths.join(' | ')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${commands.map(({ path, words }) => `    ${quoted(path)}) found=(${words.map(described).join(' ')}) ;;`).join('\n')}
  esac
  _describe autocached found
  _files
}
if [ "$funcstack[1]" = _autocached ]; then _autocached "$@"; else compdef _autocached autocached; fi
`;
}

function fish(program: CommandFacts): string {
  const { commands, values } = tablesOf(program);
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  const line = (path: string, { word, says }: Word) => {
    const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${quoted(word)}`;
    const choices = values.find(([option]) => option === word)?.[1];
    const takes = choices ? ` -x -a ${quoted(choices.join(' '))}` : '';
    return `complete -c autocached -n 'test (__autocached_path) = ${path === '' ? '""' : `"${path}"`}' ${what}${takes} -d ${quoted(says)}`;
  };
  return `# fish completion of autocached
function __autocached_path
  set -l path ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim "$path $word")
    contains -- $next ${paths.join(' ')}; and set path $next
  end
  echo "$path"
end
${commands.flatMap(({ path, words }) => words.map((word) => line(path, word))).join('\n')}
`;
}

function powershell(program: CommandFacts): string {
  const { commands, values } = tablesOf(program);
  const text = (word: string) => `'${word.replaceAll("'", "''")}'`;
  const row = (key: string, words: readonly string[]) => `    ${text(key)} = @(${words.map(text).join(', ')})`;
  return `# PowerShell completion of autocached
Register-ArgumentCompleter -Native -CommandName autocached -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $commands = @{
${commands
  .map(({ path, words }) =>
    row(
      path,
      words.map(({ word }) => word),
    ),
  )
  .join('\n')}
  }
  $values = @{
${values.map(([option, words]) => row(option, words)).join('\n')}
  }
  $given = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
  if ($wordToComplete) { $given = @($given | Select-Object -SkipLast 1) }
  $path = ''
  foreach ($word in $given) {
    $next = "$path $word".Trim()
    if ($commands.ContainsKey($next)) { $path = $next }
  }
  $last = if ($given.Count -gt 0) { $given[-1] } else { '' }
  $words = if ($values.ContainsKey($last)) { $values[$last] } else { $commands[$path] }
  $words | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
