import { readConfig } from '../config.ts'
import { print, printJson } from '../terminal/output.ts'
import { showWaiting } from '../terminal/progress.ts'
import { maskedUrl } from '../tratta/jit-url.ts'
import { registerNow } from '../tratta/registration.ts'
import { DONE, failWith, type Options, SOME_REJECTED } from './command.ts'

export const REGISTRATION_SETTINGS = [
  'DATABASE_URL',
  'JIT_SECRET',
  'PUBLIC_URL',
  'TRATTA_API_URL',
  'TRATTA_API_TOKEN',
] as const

export async function registerCommand(options: Options): Promise<number> {
  const config = readConfig(process.env, ...REGISTRATION_SETTINGS)
  const url = maskedUrl(config)
  if (options['dry-run']) {
    if (options.json) await printJson({ would_register: url, at: config.TRATTA_API_URL })
    else await print(`Would register ${url} at ${config.TRATTA_API_URL}`)
    return DONE
  }
  let isProven: boolean
  try {
    isProven = await showWaiting(Boolean(options.json), 'Waiting for Tratta', () => registerNow(config))
  } catch (error) {
    return failWith(error, options)
  }
  if (!isProven) {
    if (options.json) await printJson({ already_registered: url, at: config.TRATTA_API_URL })
    else
      await print(
        `${config.TRATTA_API_URL} has ${url} already, registered by an earlier start or by somebody else.\n` +
          'Run `tratta-jit trigger ID`: it proves that Tratta calls this URL.',
      )
    return SOME_REJECTED
  }
  if (options.json) await printJson({ registered: url, at: config.TRATTA_API_URL })
  else await print(`Registered ${url} at ${config.TRATTA_API_URL}`)
  return DONE
}
