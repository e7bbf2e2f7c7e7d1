/** Runs the program on a pseudo-terminal, with `script` of util-linux. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Test } from 'tap'

export const hasPseudoTerminal = process.platform === 'linux'

export interface TerminalProgram {
  process: ChildProcess
  /** The output so far, with \n as line end. Standard output and standard error are the same terminal. */
  output(): string
  /** Resolves when the output matches; rejects when the program ends before. */
  shows(pattern: RegExp): Promise<string>
  ended: Promise<number | null>
}

export function programOnTerminal(
  t: Test,
  args: string[],
  env: Record<string, string> = {},
  columns = 80,
): TerminalProgram {
  const { PATH = '', NODE_COMPILE_CACHE, NODE_V8_COVERAGE } = process.env
  const words = [process.execPath, 'src/cli.ts', ...args].map((word) => `'${word}'`)
  const child = spawn('script', ['-qec', `stty cols ${columns}; exec ${words.join(' ')}`, '/dev/null'], {
    env: {
      PATH,
      TERM: 'xterm-256color',
      SHELL: '/bin/sh',
      ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }),
      ...(NODE_V8_COVERAGE && { NODE_V8_COVERAGE }),
      ...env,
    },
    // `script` ends the input of the program when its own input ends.
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout!.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const output = () => text.replaceAll('\r\n', '\n')
  const shows = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const isShown = pattern.test(output())
        if (isShown) resolve(output())
        return isShown
      }
      if (look()) return
      child.stdout!.on('data', look)
      void ended.then(() => look() || reject(new Error(`it ended before:\n${text}`)))
    })
  return { process: child, output, shows, ended }
}
