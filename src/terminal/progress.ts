/** How far a command is: one line that is written over on a terminal, JSON lines on a pipe. Numbers, and no ids. */

import { printJson, rewriteLine } from './output.ts'
import { printable } from './printable.ts'

const QUIET_MS = 2000
const TERMINAL_MS = 250
const PIPE_MS = 5000

/**
 * Begins after two seconds, for a person or, with `asJson`, for a program.
 * @param figures what a program gets, after so many seconds
 * @param line what a person gets
 * @returns what ends the showing
 */
export function showProgress(
  asJson: boolean,
  figures: (seconds: number) => object,
  line: (seconds: number) => string,
): () => void {
  const begun = performance.now()
  const isTerminal = !asJson && process.stderr.isTTY
  let shown = false
  const show = () => {
    const seconds = (performance.now() - begun) / 1000
    if (isTerminal) rewriteLine(printable(line(seconds)))
    else printJson({ event: 'progress', ...figures(seconds) })
    shown = true
  }
  if (!asJson && !isTerminal) return () => {}
  let timer = setTimeout(() => {
    show()
    timer = setInterval(show, isTerminal ? TERMINAL_MS : PIPE_MS)
  }, QUIET_MS)
  return () => {
    clearTimeout(timer)
    if (shown && isTerminal) rewriteLine('')
  }
}

export const number = (value: number | string) => Number(value).toLocaleString('en-US')

export const duration = (seconds: number) =>
  seconds < 120
    ? `${seconds} s`
    : seconds < 7200
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3600)} h`
