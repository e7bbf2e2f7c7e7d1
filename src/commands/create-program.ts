/** The commands with their arguments and options, for help and completion. Each command loads its code when it runs. */
import { Command, Option } from 'commander'
import { LOGGED_OUTCOMES } from '../responder/problem.ts'
import { SETTINGS } from '../settings.ts'
import { print, printError } from '../terminal/output.ts'
import { VERSION } from '../version.ts'
import { checkSettingNames } from './check-setting-names.ts'
import type { Run } from './command.ts'

const JSON_LINES = new Option('--json', 'print JSON lines')
const DRY_RUN = '--dry-run'

/**
 * @param onExit receives the exit code of the command that ran
 */
export function createProgram(onExit: (exitCode: number) => void): Command {
  const action =
    (load: () => Promise<Run>) =>
    async (...args: unknown[]) => {
      const command = args.at(-1) as Command
      checkSettingNames(process.env)
      const run = await load()
      onExit(await run(optionsOf(command), command.args))
    }

  const program = new Command('tratta-jit')
    .description('Answers the just-in-time requests of Tratta from your own Postgres.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help for a command')
    .helpCommand('help [COMMAND...]', 'print help for a command')
    .usage('COMMAND [OPTIONS]')
    .showHelpAfterError('Run `tratta-jit help COMMAND` to see its arguments and options.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => print(text.trimEnd()),
      writeErr: (text) => printError(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: (.)/, (_, first) => first.toUpperCase())),
    })

  program.commandsGroup('Answer Tratta:')
  program
    .command('serve')
    .description('answer Tratta: migrate the database, register the URL once, listen')
    .option('--no-migrate', 'do not migrate the database first')
    .action(action(async () => (await import('./serve.ts')).serveCommand))
  program
    .command('migrate')
    .description('create or upgrade the schema tratta_jit')
    .option('--status', 'only print the migrations and when they ran')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./migrate.ts')).migrateCommand))
  program
    .command('check')
    .description('find problems that would make a call fail, and print how to fix them')
    .option('--quick', 'do not read all rows')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./check.ts')).checkCommand))
  program
    .command('lookup')
    .description(
      'print the payload that Tratta would get for an account, and which fields are omitted and why',
    )
    .argument('<ID>', 'external_id of the account')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./lookup.ts')).lookupCommand))

  program
    .command('calls')
    .description('print the calls of Tratta, newest first: when, which account, the outcome, the amounts')
    .option('--account <ID>', 'calls for this account, with its uploads, rejections and triggers')
    .addOption(new Option('--outcome <NAME>', 'calls with this outcome').choices(LOGGED_OUTCOMES))
    .option(
      '--since <TIME>',
      'calls since a time in UTC (2026-11-24, 2026-11-24T10:30) or an age (90s, 30m, 2h, 7d)',
    )
    .option('--slower-than <MS>', 'calls that took longer, in milliseconds')
    .option('--limit <N>', 'print at most N calls (default: 50)')
    .option('--follow', 'print new calls of all replicas until Ctrl-C')
    .option(
      '--compare <REQUEST_ID>',
      'print what differs now from what was sent for a call; exit code 3: differs',
    )
    .option('--audit', 'print who read accounts with lookup, trigger, bulk errors and the console')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./calls.ts')).callsCommand))

  program.commandsGroup('Register at Tratta:')
  program
    .command('register')
    .description('register the URL at Tratta now, even if it is registered already')
    .option(DRY_RUN, 'only print what would be registered')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./register.ts')).registerCommand))
  program
    .command('trigger')
    .description('make Tratta call us for an account, and print the request, the response and the result')
    .argument('[ID]', 'external_id of the account')
    .option(
      '--sample <N>',
      'instead of an ID: N accounts of the whole portfolio, and a report; resumes after a stop',
    )
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./trigger.ts')).triggerCommand))
  program
    .command('probe')
    .description('find out from a sandbox of Tratta what its pages do not say, and use that in all commands')
    .option('--yes', 'do not ask before made-up data is sent')
    .option('--only <NAME>', 'run one experiment')
    .option('--save <FILE>', 'write requests and responses to a new file, with masked values')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./probe.ts')).probeCommand))

  program.commandsGroup('Load and upload accounts:')
  program
    .command('import')
    .description('load accounts from CSV, NDJSON or JSON files into the tables of tratta_jit')
    .argument('[FILE...]', 'files, loaded together; - is standard input')
    .addOption(new Option('--money <UNIT>', 'unit of amounts in CSV').choices(['cents', 'dollars']))
    .addOption(
      new Option('--dates <ORDER>', 'order of day, month and year in CSV').choices([
        'iso',
        'ymd',
        'mdy',
        'dmy',
      ]),
    )
    .option(
      '--map <FILE>',
      'JSON file that maps columns: {"Their column": "our_column", "Another": null}; one for all files, or one for each',
      (file: string, files: string[] = []) => [...files, file],
    )
    .option(
      '--suggest-map',
      'print a map for a CSV file, guessed from its column names and cells; loads nothing',
    )
    .addOption(new Option('--format <FORMAT>', 'format of the files').choices(['csv', 'ndjson', 'bulk-json']))
    .addOption(
      new Option('--encoding <NAME>', 'encoding of the files').choices([
        'utf-8',
        'windows-1252',
        'macintosh',
        'cp850',
      ]),
    )
    .option('--delimiter <CHARACTER>', 'delimiter of CSV: one character, or tab')
    .addOption(
      new Option('--quote <KIND>', 'read quotes in CSV as characters of the fields').choices(['none']),
    )
    .option('--skip-lines <N>', 'number of lines before the header of CSV')
    .option(DRY_RUN, 'validate and count, load nothing')
    .option('--snapshot', 'the files are the whole portfolio: close the accounts that they do not contain')
    .addOption(
      new Option('--absent <ACTION>', 'with --snapshot: set current_balance to 0, or delete').choices([
        'zero',
        'delete',
      ]),
    )
    .option(
      '--max-absent <PERCENT>',
      'with --snapshot: load nothing if more accounts are absent (default: 10)',
    )
    .option(
      '--strict',
      'reject a row with an optional value that Tratta would reject, instead of omitting the value',
    )
    .option('--allow-suspicious', 'load ids and values that a spreadsheet or a report seems to have damaged')
    .option(
      '--null-values <LIST>',
      'texts that mean an empty cell, separated by commas, instead of the default ones',
    )
    .option('--keep-good', 'load the valid rows even if other rows are rejected; needs --rejects')
    .option('--rejects <FILE>', 'write the rejected rows and the reasons to a new file')
    .option('--history', 'print the last 100 imports: time, user, files, counts; reads no file')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./import.ts')).importCommand))
  const bulk = program.command('bulk').description('upload customers to Tratta, and read its rejections')
  bulk
    .command('push')
    .description('upload customers, 1,000 rows a request; resumes where an earlier push stopped')
    .option(DRY_RUN, 'validate and count, send nothing')
    .option('--limit <N>', 'send at most N rows')
    .option('--retry-rejected', 'send only rejected accounts that have changed since')
    .option('--unchanged', 'with --retry-rejected: also unchanged and unknown accounts')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./bulk.ts')).bulkPushCommand))
  bulk
    .command('errors')
    .description('read the rejections of Tratta, and print them grouped by message')
    .argument('[BULK_ID]', 'only this bulk request')
    .option('--rows', 'print one line for each rejected row')
    .option('--again', 'read the errors of all requests again')
    .addOption(JSON_LINES)
    .option('--csv', 'print CSV')
    .action(action(async () => (await import('./bulk.ts')).bulkErrorsCommand))
  bulk
    .command('status')
    .description('print the number of sent, accepted, rejected and unknown accounts, and the next step')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./bulk.ts')).bulkStatusCommand))

  program.commandsGroup('Try it without Tratta:')
  program
    .command('demo')
    .description('run everything on this machine with nothing installed, and show one call from end to end')
    .action(action(async () => (await import('./demo.ts')).demoCommand))
  program
    .command('simulate')
    .description('run a simulated Tratta (docs/simulator.md)')
    .option('--host <HOST>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <PORT>', 'port to listen on (default: 8090)')
    .option('--token <TOKEN>', 'API token to accept')
    .addOption(JSON_LINES)
    .action(action(async () => (await import('./simulate.ts')).simulateCommand))

  program.commandsGroup('Other:')
  program
    .command('completion')
    .description('print a completion script: source <(tratta-jit completion bash)')
    .addArgument(program.createArgument('<SHELL>', 'your shell').choices(['bash', 'zsh']))
    .action(action(async () => (await import('./completion.ts')).completionCommand(program)))

  return program.addHelpText('after', ({ command }) => (command === program ? settingsHelp(command) : ''))
}

/** Returns the options of the command line by name, such as `dry-run` and `no-migrate`, without defaults. */
function optionsOf(command: Command) {
  const given = command.options.flatMap((option) => {
    const key = option.attributeName()
    if (command.getOptionValueSource(key) === 'default') return []
    const value = command.getOptionValue(key)
    return value === undefined ? [] : [[option.name(), option.negate ? !value : value]]
  })
  return Object.fromEntries(given)
}

function settingsHelp(program: Command) {
  const helper = program.createHelp()
  helper.prepareContext({ helpWidth: process.stdout.columns || 80 })
  const items = Object.entries(SETTINGS).map(([name, setting]) => {
    const fallback = 'default' in setting && setting.default ? ` (default: ${setting.default})` : ''
    return helper.formatItem(name, 28, setting.meaning + fallback, helper)
  })
  return [
    '',
    'Settings, from the environment. NAME_FILE is a file that contains the secret NAME:',
    ...items,
    '',
    'Exit codes: 0 success; 1 failure; 2 usage or configuration error; 3 finished, but some rows were rejected or',
    'are unknown, check has warnings, or calls --compare found a difference; 141 the reader closed the output (| head).',
  ].join('\n')
}
