/**
 * Reads the secrets from the files of NAME_FILE settings again, every POLL_MS and on demand. A new value is used when two
 * reads in a row find it, so that a file is not read while it is being written. An invalid or missing value is logged
 * once, without the value, and the current one stays in use.
 */
import { type Config, readSettings } from '../config.ts'
import { databaseError } from '../database/connection-errors.ts'
import { describeError, type Log } from '../log.ts'

const ROTATING = [
  'DATABASE_URL',
  'JIT_SECRET',
  'JIT_SECRET_PREVIOUS',
  'JIT_SECRET_NEXT',
  'TRATTA_API_TOKEN',
] as const
type RotatingName = (typeof ROTATING)[number]

export type ServeConfig = Config<'DATABASE_URL' | 'JIT_SECRET'>

const POLL_MS = 2000

interface Options {
  environment: NodeJS.ProcessEnv
  log: Log
  /** Rejects when calls cannot be answered with this DATABASE_URL. */
  tryDatabase(config: ServeConfig): Promise<void>
  onChange(config: ServeConfig, changed: RotatingName[]): Promise<void>
}

interface SecretFiles {
  /** Reads the files now and uses what they contain. Never rejects. */
  reload(): Promise<void>
  stop(): void
}

export function watchSecretFiles(config: ServeConfig, options: Options): SecretFiles {
  const { environment, log } = options
  let current = config
  let lastRead: Partial<Config> = config
  let isStopped = false
  let running = Promise.resolve()
  const reported = new Map<RotatingName, string>()

  const keepCurrent = (name: RotatingName, reason: string) => {
    if (reported.get(name) === reason) return
    reported.set(name, reason)
    log.error({
      event: 'secret_rejected',
      name,
      message: `The current ${name} stays in use: ${reason}`,
    })
  }

  const read = async ({ isOnDemand }: { isOnDemand: boolean }) => {
    const { config: found, problems } = readSettings(environment, ['DATABASE_URL', 'JIT_SECRET'])
    const changed = ROTATING.filter((name) => {
      const problem = problems.find((problem) => problem.name === name)
      if (problem) keepCurrent(name, `the new one ${problem.is}`)
      else if (found[name] === current[name]) reported.delete(name)
      return !problem && found[name] !== current[name]
    })
    const isStable = changed.every((name) => found[name] === lastRead[name])
    lastRead = found
    if (isOnDemand || isStable) await use(found, changed, isOnDemand)
  }

  const use = async (found: Partial<Config>, changed: RotatingName[], isOnDemand: boolean) => {
    const next: Record<string, unknown> = { ...current }
    for (const name of changed) next[name] = found[name]
    const used = new Set(changed)
    if (used.has('DATABASE_URL'))
      await options.tryDatabase(next as ServeConfig).catch((error) => {
        next.DATABASE_URL = current.DATABASE_URL
        used.delete('DATABASE_URL')
        keepCurrent('DATABASE_URL', reasonOf(error))
      })
    if (isStopped || (used.size === 0 && !isOnDemand)) return
    for (const name of used) reported.delete(name)
    current = Object.freeze(next) as ServeConfig
    log.info({ event: 'secrets_read', changed: [...used] })
    await options.onChange(current, [...used])
  }

  const enqueue = (isOnDemand: boolean) => {
    running = running
      .then(() => (isStopped ? undefined : read({ isOnDemand })))
      .catch((error) => log.error({ event: 'secrets_not_read', error: describeError(error) }))
    return running
  }
  const hasFiles = ROTATING.some((name) => environment[`${name}_FILE`])
  const timer = hasFiles ? setInterval(() => enqueue(false), POLL_MS).unref() : undefined
  return {
    reload: () => enqueue(true),
    stop() {
      isStopped = true
      clearInterval(timer)
    },
  }
}

/** A sentence, or a code. Never a message of Postgres. */
function reasonOf(error: Error): string {
  const { code, type } = describeError(error.cause ?? error)
  return databaseError(error)?.message ?? code ?? type
}
