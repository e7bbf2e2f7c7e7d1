/** Runs experiments one after the other, and stores what each one finds. */
import type pg from 'pg'
import { secretsOf } from '../tratta/jit-url.ts'
import { proxyFor } from '../tratta/proxy.ts'
import { storeReading } from '../tratta/readings-store.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { createExchanges, type RecordExchange } from './exchanges.ts'
import {
  type Experiment,
  type Finding,
  type ProbeConfig,
  type ProbeContext,
  storedResult,
} from './experiment.ts'
import { type Listener, startListener } from './listener.ts'
import type { MadeUpData } from './made-up-data.ts'
import { UndecidedError } from './undecided-error.ts'

export interface ProbeResult extends Finding {
  experiment: string
  /** What the program assumes, for people. */
  assumed: string
}

interface ProbeOptions {
  config: ProbeConfig
  pool: pg.Pool
  experiments: readonly Experiment[]
  data: MadeUpData
  record: RecordExchange
  onStart(experiment: string): void
  /** Ends the probe; the results until then are stored. */
  signal: AbortSignal
}

interface Probe {
  /** @throws the reason of the signal */
  results(): AsyncGenerator<ProbeResult>
  readonly requests: number
  /** Whether throw-away URLs may be registered. */
  readonly hasRegistered: boolean
  close(): Promise<void>
}

/** A message of Tratta can repeat PUBLIC_URL. */
const withoutUrls = (text: string) => text.replace(/https?:\/\/[^\s"'<>]+/gi, '…')

export function createProbe({
  config,
  pool,
  experiments,
  data,
  record,
  onStart,
  signal,
}: ProbeOptions): Probe {
  let listening: Promise<Listener> | undefined
  let hasRegistered = false
  const tratta = createExchanges({
    apiUrl: config.TRATTA_API_URL,
    token: config.TRATTA_API_TOKEN,
    requestsPerMinute: config.TRATTA_REQUESTS_PER_MINUTE,
    secrets: secretsOf(config),
    proxy: proxyFor(config.TRATTA_API_URL, config),
    record(request, exchange, headers) {
      if (request.path === '/just-in-time') hasRegistered = true
      record(request, exchange, headers)
    },
    signal,
  })
  const context: ProbeContext = {
    config,
    tratta,
    data,
    signal,
    listener: () => (listening ??= startListener(config)),
  }

  async function run({ run }: Experiment): Promise<Finding> {
    try {
      const finding = await run(context)
      return { ...finding, found: withoutUrls(finding.found) }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof UndecidedError || error instanceof TrattaError)
        return { result: 'undecided', found: withoutUrls(error.message) }
      throw error
    }
  }

  return {
    async *results() {
      for (const experiment of experiments) {
        signal.throwIfAborted()
        const { name, assumed } = experiment
        onStart(name)
        const finding = await run(experiment)
        const result = storedResult(finding)
        if (result)
          await storeReading(pool, config.TRATTA_API_URL, {
            name,
            value: finding.value!,
            result,
            found: finding.found,
            effect: finding.effect ?? null,
          })
        yield { experiment: name, assumed, ...finding }
      }
    },
    get requests() {
      return tratta.count
    },
    get hasRegistered() {
      return hasRegistered
    },
    async close() {
      const listener = await listening?.catch(() => undefined)
      await listener?.close()
    },
  }
}
