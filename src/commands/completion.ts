/** Prints a completion script for bash and zsh. The script is static, so that TAB does not start Node. */
import type { Command } from 'commander'
import { print } from '../terminal/output.ts'
import { DONE, type Options, type Run } from './command.ts'

export const completionCommand =
  (program: Command): Run =>
  async (_options: Options, [shell]) => {
    if (shell === 'zsh') await print('autoload -U +X bashcompinit && bashcompinit')
    await print(bashScript(program))
    return DONE
  }

function bashScript(program: Command): string {
  const commands = withSubcommands(program)
  const words = commands.map(([name, command]) => `    '${name}') words='${wordsOf(command).join(' ')}' ;;`)
  const options = commands.flatMap(([, command]) => command.options)
  const values = new Map(
    options.flatMap(({ long, argChoices }) => (long && argChoices ? [[long, argChoices.join(' ')]] : [])),
  )
  const choices = [...values].map(([flag, texts]) => `    ${flag}) words='${texts}' ;;`)
  return `_tratta_jit() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} name='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || name+="\${name:+ }$word"
  done
  case "$name" in
    'bulk '*) name=$(cut -d ' ' -f 1-2 <<< "$name") ;;
    *) name=\${name%% *} ;;
  esac
  case "$name" in
${words.join('\n')}
  esac
  case "$previous" in
${choices.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _tratta_jit tratta-jit`
}

function withSubcommands(command: Command, name = ''): [name: string, command: Command][] {
  const subcommands = command.commands.flatMap((one) => withSubcommands(one, `${name} ${one.name()}`.trim()))
  return [[name, command], ...subcommands]
}

const wordsOf = (command: Command) => [
  ...command
    .createHelp()
    .visibleCommands(command)
    .map((one) => one.name()),
  ...command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
  ...command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long }) => long ?? []),
]
