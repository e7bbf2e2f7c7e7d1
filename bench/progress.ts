/** Progress on standard error: one line that is updated on a terminal, otherwise a line every ten seconds. */

export interface Progress {
  /** @param done from 0 to 1 */
  show(what: string, done: number): void
  /** Prints a permanent line. */
  print(line: string): void
  /** Removes the progress line. */
  clear(): void
}

export function createProgress(output: NodeJS.WriteStream = process.stderr): Progress {
  const everyMs = output.isTTY ? 200 : 10_000
  let current = ''
  let startedAt = 0
  let shownAt = 0
  return {
    show(what, done) {
      const now = performance.now()
      if (what !== current) {
        current = what
        startedAt = now
        shownAt = output.isTTY ? 0 : now
      }
      if (now - shownAt < everyMs) return
      shownAt = now
      const secondsLeft = Math.ceil((((now - startedAt) / 1000) * (1 - done)) / done)
      const left = done > 0.02 ? `, ${duration(secondsLeft)} left` : ''
      const line = `${what}: ${Math.floor(done * 100)} %${left}`
      output.write(output.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
    },
    print(line) {
      output.write(output.isTTY ? `\r\x1b[K${line}\n` : `${line}\n`)
    },
    clear() {
      if (output.isTTY) output.write('\r\x1b[K')
    },
  }
}

const duration = (seconds: number) =>
  seconds < 100 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
