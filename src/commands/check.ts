import type { CheckResult, State } from '../check/check.ts'
import { runChecks } from '../check/run-checks.ts'
import { formatNumber } from '../terminal/format.ts'
import { exit, print, printJson, printStyled, terminalColumns } from '../terminal/output.ts'
import { printable } from '../terminal/printable.ts'
import { showProgress } from '../terminal/progress.ts'
import { type Style, StyledText } from '../terminal/style.ts'
import { wrap } from '../terminal/wrap.ts'
import { DONE, FAILED, type Options, SOME_REJECTED, stopSignal } from './command.ts'

type NamedResult = CheckResult & { check: string }

/** In the order of the output. */
const STATES: Record<State, { mark: string; style: Style }> = {
  error: { mark: '✗', style: 'red' },
  warning: { mark: '!', style: 'yellow' },
  ok: { mark: '✓', style: 'green' },
  skipped: { mark: '-', style: 'dim' },
}
const NAME_COLUMNS = 14

/** With --json prints each result at once; otherwise prints all results at the end, errors first. */
export async function checkCommand(options: Options): Promise<number> {
  const asJson = Boolean(options.json)
  const results: NamedResult[] = []
  if (!asJson)
    void stopSignal().then(() => {
      printResults(results)
      return exit(FAILED)
    })
  for await (const result of runChecks(process.env, {
    isQuick: Boolean(options.quick),
    showProgress: (fields, line) => showProgress(asJson, fields, line),
  })) {
    results.push(result)
    if (asJson) await printJson({ event: 'result', ...result })
  }
  const counts = countStates(results)
  if (asJson) await printJson({ event: 'summary', ...counts })
  else printResults(results)
  return counts.error > 0 ? FAILED : counts.warning > 0 ? SOME_REJECTED : DONE
}

function countStates(results: NamedResult[]): Record<State, number> {
  const counts = { error: 0, warning: 0, ok: 0, skipped: 0 }
  for (const { state } of results) counts[state] += 1
  return counts
}

function printResults(results: NamedResult[]) {
  const { error, warning, ok, skipped } = countStates(results)
  for (const state of Object.keys(STATES) as State[])
    for (const result of results.filter((one) => one.state === state)) printResult(result)
  void print(`\n${error} errors, ${warning} warnings, ${ok} ok, ${skipped} skipped`)
}

/** A terminal shows a mark and wraps the text. Other output has the state as a word, one line, and ASCII only. */
function printResult({ state, check, message, remedy, count, examples = [] }: NamedResult) {
  const columns = terminalColumns()
  const isTerminal = columns !== undefined
  const { mark, style } = STATES[state]
  const label = isTerminal ? `${mark} ` : state.padEnd(9)
  const indent = label.length + NAME_COLUMNS
  const rows = count === undefined ? [] : [`${formatNumber(count)} ${count === 1 ? 'row' : 'rows'}`]
  const details = [...rows, ...(examples.length > 0 ? [`e.g. ${examples.join(', ')}`] : [])].join(', ')
  const lines = (text: string) => wrap(printable(text), isTerminal ? columns - indent : undefined)
  const [first = '', ...more] = lines(details ? `${message} (${details})` : message)
  void printStyled(StyledText.of([style, label], check.padEnd(NAME_COLUMNS), first))
  const arrow = isTerminal ? '→' : '->'
  for (const line of [...more, ...(remedy ? lines(`${arrow} ${remedy}`) : [])])
    void print(`${' '.repeat(indent)}${line}`)
}
