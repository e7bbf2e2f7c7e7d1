import { readConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { ANNOUNCE_STOP_MS } from '../responder/responder.ts'
import { serve } from '../responder/serve.ts'
import { formatLogLine } from '../terminal/format-log-line.ts'
import { DONE, type Options, stopSignal } from './command.ts'

export async function serveCommand(options: Options): Promise<number> {
  const config = readConfig(process.env, 'DATABASE_URL', 'JIT_SECRET')
  const stop = new AbortController()
  const { log, close } = createLog(config.LOG_LEVEL, process.stdout.isTTY ? formatLogLine : undefined)
  // A terminal sends SIGHUP when it closes. Elsewhere it means: read the secrets again.
  const hangsUp = process.stdout.isTTY
  const stopped = stopSignal(['SIGINT', 'SIGTERM', ...(hangsUp ? (['SIGHUP'] as const) : [])]).then(
    (signal) => {
      log.info({ event: 'stopping', signal })
      stop.abort()
      return signal
    },
  )
  let reload: (() => Promise<void>) | undefined
  if (!hangsUp) process.on('SIGHUP', () => reload?.())
  try {
    const responder = await serve(config, log, {
      migrateFirst: !options['no-migrate'],
      signal: stop.signal,
    })
    reload = responder.reload
    const signal = await stopped
    // Ctrl-C at a terminal: no load balancer needs the announcement.
    await responder.stop(signal === 'SIGTERM' ? ANNOUNCE_STOP_MS : 0)
    log.info({ event: 'stopped' })
  } catch (error) {
    // A signal during the start is an ordinary stop.
    if (!stop.signal.aborted) throw error
    log.info({ event: 'stopped' })
  } finally {
    await close()
  }
  return DONE
}
