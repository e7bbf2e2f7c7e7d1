import type { State } from '../check/check.ts'
import { runChecks } from '../check/run-checks.ts'
import { print, printJson } from '../terminal/output.ts'
import { printable } from '../terminal/printable.ts'
import { number, showProgress } from '../terminal/progress.ts'
import { DONE, FAILED, type Options, SOME_REJECTED } from './command.ts'

/** Prints each finding when it is found. */
export async function checkCommand(options: Options): Promise<number> {
  const asJson = Boolean(options.json)
  const counts: Record<State, number> = { error: 0, warning: 0, ok: 0, skipped: 0 }
  const findings = runChecks(process.env, {
    isQuick: Boolean(options.quick),
    showProgress: (figures, line) => showProgress(asJson, figures, line),
  })
  for await (const found of findings) {
    counts[found.state] += 1
    if (asJson) printJson({ event: 'found', ...found })
    else {
      const { state, check, message, remedy, count, examples = [] } = found
      const times = count === undefined ? '' : `${number(count)} × `
      const such = examples.length > 0 ? `, e.g. ${examples.join(', ')}` : ''
      print(`${state.padEnd(8)} ${check.padEnd(13)} ${printable(`${times}${message}${such}`)}`)
      if (remedy) print(`${' '.repeat(22)} → ${printable(remedy)}`)
    }
  }
  const { error, warning, ok, skipped } = counts
  if (asJson) printJson({ event: 'checked', ...counts })
  else print(`\n${error} errors, ${warning} warnings, ${ok} ok, ${skipped} skipped`)
  return error > 0 ? FAILED : warning > 0 ? SOME_REJECTED : DONE
}
