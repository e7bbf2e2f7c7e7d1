/**
 * A synthetic call: the service requests JIT_CANARY_ACCOUNT from its own PORT each minute, with the secret, as Tratta
 * would. It has a counter of its own, and is not in the counters of calls or in the call log.
 */
import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'
import { json } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { describeError, type Log } from '../log.ts'

const INTERVAL_MS = 60_000
const HEADER = 'x-tratta-jit-canary'

export const CANARY_RESULTS = ['answered', 'failed'] as const
export type CanaryResult = (typeof CANARY_RESULTS)[number]

export interface Canary {
  /** Whether this process sent the request: nobody else knows the value of the header. */
  isSender(request: IncomingMessage): boolean
  /** @param url the URL of PORT */
  start(url: string): void
  useSecrets(config: Config<'JIT_SECRET'>): void
  stop(): void
}

/** @returns undefined without JIT_CANARY_ACCOUNT */
export function createCanary(
  config: Config<'JIT_SECRET'>,
  log: Log,
  onResult: (result: CanaryResult) => void,
): Canary | undefined {
  const account = config.JIT_CANARY_ACCOUNT
  if (account === undefined) return undefined
  const mark = crypto.randomUUID()
  const stopping = new AbortController()
  let secret = config.JIT_SECRET

  const call = async (url: string) => {
    const path = `/jit/${secret}?debt_account_external_id=${encodeURIComponent(account)}`
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(config.JIT_DEADLINE_MS + 1000)])
    const get = url.startsWith('https:') ? getHttps : getHttp
    // The certificate has the name of PUBLIC_URL, not of this host.
    const options = { agent: false, headers: { [HEADER]: mark }, rejectUnauthorized: false, signal }
    const [response] = (await once(get(url + path, options), 'response')) as [IncomingMessage]
    const body = (await json(response)) as { code?: string }
    return response.statusCode === 200 ? undefined : (body.code ?? `status ${response.statusCode}`)
  }
  const callOnce = async (url: string) => {
    const problem = await call(url).catch((error) => describeError(error).code ?? describeError(error).type)
    if (stopping.signal.aborted) return
    onResult(problem === undefined ? 'answered' : 'failed')
    if (problem !== undefined) log.warn({ event: 'canary_failed', problem })
  }
  const repeat = async (url: string) => {
    for (;;) {
      await callOnce(url)
      await pause(INTERVAL_MS, undefined, { signal: stopping.signal, ref: false })
    }
  }
  return {
    isSender({ headers }) {
      const given = headers[HEADER]
      return (
        typeof given === 'string' &&
        given.length === mark.length &&
        timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(mark))
      )
    },
    start(url) {
      // Rejects when it is stopped.
      repeat(url).catch(() => {})
    },
    useSecrets(next) {
      secret = next.JIT_SECRET
    },
    stop: () => stopping.abort(),
  }
}
