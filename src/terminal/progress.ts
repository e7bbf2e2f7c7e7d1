/** The progress of a command: one line that is rewritten on a terminal, or JSON lines. It contains no ids. */
import { printJson, rewriteLine } from './output.ts'
import { printable } from './printable.ts'

const START_DELAY_MS = 2000
const LINE_INTERVAL_MS = 250
const JSON_INTERVAL_MS = 5000

/**
 * Shows progress after two seconds: JSON lines with `asJson`, otherwise a line if standard error is a terminal.
 * @param fields what a JSON line contains
 * @param line the text for a person
 * @returns a function that ends the display
 */
export function showProgress(
  asJson: boolean,
  fields: (seconds: number) => object,
  line: (seconds: number) => string,
): () => void {
  const isTerminal = !asJson && process.stderr.isTTY
  if (!asJson && !isTerminal) return () => {}
  const start = performance.now()
  let isShown = false
  const show = () => {
    const seconds = (performance.now() - start) / 1000
    if (isTerminal) rewriteLine(printable(line(seconds)))
    else void printJson({ event: 'progress', ...fields(seconds) })
    isShown = true
  }
  let timer = setTimeout(() => {
    show()
    timer = setInterval(show, isTerminal ? LINE_INTERVAL_MS : JSON_INTERVAL_MS)
  }, START_DELAY_MS)
  return () => {
    clearTimeout(timer)
    if (isShown && isTerminal) rewriteLine('')
  }
}

/** Shows on a terminal that a command is waiting, if nothing can be counted. With `asJson` shows nothing. */
export async function showWaiting<Result>(
  asJson: boolean,
  task: string,
  work: () => Promise<Result>,
): Promise<Result> {
  if (asJson) return work()
  const end = showProgress(
    false,
    () => ({}),
    (seconds) => `${task}, ${Math.floor(seconds)} s`,
  )
  return work().finally(end)
}
