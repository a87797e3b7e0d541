import { allCommands, type CommandFacts, type OptionFacts } from './tree.ts';

/** All commands for `docs/COMMANDS.md`: the help of each, at 80 columns. */
export function commandsPage(program: CommandFacts): string {
  const commands = allCommands(program).filter(({ path, commands: inner }) => path !== '' && inner.length === 0);
  const sections = commands.map(({ path, help }) => `## ${path}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``);
  const links = commands.map(({ path, description }) => `| [${path}](#${path.replaceAll(' ', '-')}) | ${cell(description)} |`);
  return `# Commands

What \`autocached help COMMAND\` says; this page is made from it. Every command takes \`--json\` (for programs) and \`--state DIR\`.
An item is a path, a directory, \`category/name\`, a part of the name, a glob, or an id from \`autocached list\`.

| command | what it does |
| --- | --- |
${links.join('\n')}

${sections.join('\n\n')}
`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** The man page, for section 1. */
export function manPage(program: CommandFacts, version: string): string {
  const { description, options, notes } = program;
  const commands = allCommands(program).filter(({ path, commands: inner }) => path !== '' && inner.length === 0);
  return [
    `.TH AUTOCACHED 1 "" "autocached ${version}" "User Commands"`,
    '.SH NAME',
    'autocached \\- keeps the model weights you are using on the fastest disk',
    '.SH SYNOPSIS',
    '.B autocached',
    '[\\fIoptions\\fR] \\fIcommand\\fR',
    '.SH DESCRIPTION',
    roff(description),
    '.SH OPTIONS',
    ...options.map(optionLines),
    '.SH COMMANDS',
    ...commands.map(commandLines),
    '.SH NOTES',
    literal(notes),
    '',
  ].join('\n');
}

function commandLines({ usage, description, options, notes }: CommandFacts): string {
  const own = options.filter(({ long }) => long !== '--help');
  return [
    `.SS ${roff(usage)}`,
    roff(description),
    ...own.map(optionLines),
    ...(notes === '' ? [] : ['.PP', literal(notes)]),
  ].join('\n');
}

function optionLines({ flags, description }: OptionFacts): string {
  return `.TP\n.B ${roff(flags)}\n${roff(description)}`;
}

function literal(text: string): string {
  return `.nf\n${text.split('\n').map(roff).join('\n')}\n.fi`;
}

/** Text that roff takes as it is. */
function roff(text: string): string {
  const safe = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/[^\0-\x7f]/gu, (character) => `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`);
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}
