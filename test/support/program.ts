/** The program, run as a process. Its output is kept for logged.test.ts. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startPgBouncer } from './pgbouncer.ts'

export const SECRET = 'this-secret-is-only-for-tests_0123456789'

export interface Program {
  process: ChildProcess
  /** The output until now. */
  stdout(): string
  stderr(): string
  /** The lines of standard output that are JSON. */
  lines(): Record<string, unknown>[]
  /** Resolves when a line of standard output matches; rejects when the program ends before. */
  line(match: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

const running = new Set<ChildProcess>()
// tap ends a test that times out without its teardowns.
process.once('SIGTERM', () => process.exit(1))
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export function program(
  t: Test,
  args: string[],
  env: Record<string, string> = {},
  stdin?: string | Buffer,
  /** A command that runs the program, such as `prlimit`. */
  wrapper: string[] = [],
): Program {
  return startCommand(t, [...wrapper, process.execPath, 'src/cli.ts', ...args], env, stdin)
}

/** The same for any command line. */
export function startCommand(
  t: Test,
  [command = '', ...args]: string[],
  env: Record<string, string> = {},
  stdin?: string | Buffer,
): Program {
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE, NODE_V8_COVERAGE, TEST_LOGS } = process.env
  const child = spawn(command, args, {
    env: {
      PATH,
      HOME,
      ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }),
      ...(NODE_V8_COVERAGE && { NODE_V8_COVERAGE }),
      ...env,
    },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  if (stdin !== undefined) child.stdin!.end(stdin)
  let stdout = ''
  let stderr = ''
  const name = args[args.findIndex((word) => /\.(ts|mjs)$/.test(word)) + 1]
  const log = TEST_LOGS && join(TEST_LOGS, `${name}-${randomUUID()}.log`)
  const keep = (text: string) => {
    if (log) appendFileSync(log, text)
    return text
  }
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    stdout += keep(text)
  })
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += keep(text)
  })
  running.add(child)
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.on('close', (code, signal) => {
      running.delete(child)
      resolve({ code, signal })
    }),
  )
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const lines = () => stdout.split('\n').flatMap((line) => (line.startsWith('{') ? parsed(line) : []))
  const line: Program['line'] = (match) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = lines().find(match)
        if (found) resolve(found)
        return found
      }
      if (look()) return
      child.stdout!.on('data', look)
      void ended.then(() => look() ?? reject(new Error(`the program ended before:\n${stdout}\n${stderr}`)))
    })
  return { process: child, stdout: () => stdout, stderr: () => stderr, lines, line, ended }
}

function parsed(line: string): Record<string, unknown>[] {
  try {
    return [JSON.parse(line)]
  } catch {
    return []
  }
}

/** Runs a command to its end. */
export async function run(
  t: Test,
  args: string[],
  env: Record<string, string> = {},
  stdin?: string | Buffer,
) {
  const running = program(t, args, env, stdin)
  const { code } = await running.ended
  return { code, stdout: running.stdout(), stderr: running.stderr(), lines: running.lines() }
}

export interface Service extends Program {
  url: string
  adminUrl: string
  /** The status and the body of a call. */
  ask(externalId: string): Promise<{ status: number; body: unknown }>
  /** The log line of a request. */
  requestLine(requestId: string): Promise<Record<string, unknown>>
}

/**
 * `serve`, on free ports, until the test ends. Where TEST_PGBOUNCER is set, behind a PgBouncer in transaction
 * mode, with TEST_PGBOUNCER as DATABASE_PREPARED_STATEMENTS.
 */
export async function service(
  t: Test,
  databaseUrl: string,
  env: Record<string, string> = {},
  args: string[] = [],
  wrapper: string[] = [],
): Promise<Service> {
  const { TEST_PGBOUNCER, TEST_LOGS } = process.env
  const pgBouncer = TEST_PGBOUNCER ? await startPgBouncer(databaseUrl, TEST_LOGS!) : undefined
  if (pgBouncer) t.teardown(pgBouncer.stop)
  const running = program(
    t,
    ['serve', ...args],
    {
      DATABASE_URL: pgBouncer?.url ?? databaseUrl,
      ...(TEST_PGBOUNCER && { DATABASE_PREPARED_STATEMENTS: TEST_PGBOUNCER }),
      JIT_SECRET: SECRET,
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      LOG_LEVEL: 'trace',
      ...env,
    },
    undefined,
    wrapper,
  )
  const { port, admin_port } = await running.line((line) => line.event === 'serving')
  const url = `http://127.0.0.1:${port}`
  t.teardown(async () => {
    running.process.kill('SIGINT')
    await running.ended
  })
  return {
    ...running,
    url,
    adminUrl: `http://127.0.0.1:${admin_port}`,
    async ask(externalId) {
      const answer = await fetch(
        `${url}/jit/${SECRET}?debt_account_external_id=${encodeURIComponent(externalId)}`,
      )
      return { status: answer.status, body: await answer.json() }
    },
    requestLine: (requestId) => running.line((line) => line.request_id === requestId),
  }
}
