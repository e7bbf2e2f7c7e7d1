/** How Tratta answers a wrong token and an unknown bulk action, and its rate limit. */
import { setTimeout as pause } from 'node:timers/promises'
import { createTrattaClient } from '../tratta/client.ts'
import { proxyFor } from '../tratta/proxy.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import { answerText, isAccepted } from './exchanges.ts'
import { asAssumed, differs, type Experiment, type ProbeContext } from './experiment.ts'
import { UndecidedError } from './undecided-error.ts'

/** A bulk action that does not exist. */
const NO_BULK = '00000000-0000-4000-8000-000000000000'

/** The status of a request that changes nothing. */
async function statusOf(
  { config, signal }: ProbeContext,
  options: { token?: string; requestsPerMinute?: number; onResponse?(response: Response): void },
): Promise<{ status: number | undefined; isJson: boolean }> {
  const client = createTrattaClient({
    apiUrl: config.TRATTA_API_URL,
    token: config.TRATTA_API_TOKEN,
    proxy: proxyFor(config.TRATTA_API_URL, config),
    ...options,
  })
  return client.bulkErrors(NO_BULK, { attempts: 1, signal }).then(
    ({ status }) => ({ status, isJson: true }),
    (error: unknown) => {
      if (!(error instanceof TrattaError)) throw error
      return { status: error.status, isJson: error.body !== undefined }
    },
  )
}

export const wrongToken: Experiment = {
  name: 'wrong_token',
  assumed: 'a wrong token is answered with 401',
  async run(context) {
    const { status, isJson } = await statusOf(context, { token: 'wrong-token-of-the-probe' })
    if (status === undefined) throw new UndecidedError('no answer')
    if (status === 401 && isJson) return asAssumed('401', '401 with JSON')
    return differs(
      String(status),
      `${status} with${isJson ? '' : 'out'} JSON`,
      `\`check\` and \`bulk push\` stop at ${status}, without the remedy for a wrong token`,
    )
  },
}

export const unknownBulk: Experiment = {
  name: 'unknown_bulk',
  assumed: 'errors of an unknown upload are answered with 404',
  async run({ tratta }) {
    const exchange = await tratta.errors(NO_BULK)
    const { status } = exchange
    if (status === undefined) throw new UndecidedError(answerText(exchange))
    if (status === 404) return asAssumed('404', '404')
    return differs(
      String(status),
      String(status),
      isAccepted(exchange)
        ? 'nothing: `check` accepts this status too'
        : '`check` cannot prove the token by this request',
    )
  },
}

const WINDOW_MS = 90_000
const RETRY_MS = 2000

export const rateLimit: Experiment = {
  name: 'rate_limit',
  assumed: 'TRATTA_REQUESTS_PER_MINUTE requests are accepted in a minute',
  isOptIn: true,
  async run(context) {
    const limit = context.config.TRATTA_REQUESTS_PER_MINUTE
    let headers: string[] = []
    const options = {
      requestsPerMinute: 1_000_000,
      onResponse(response: Response) {
        headers = [...response.headers]
          .filter(([name]) => /^(retry-after|x-ratelimit-|ratelimit)/.test(name))
          .map(([name, value]) => `${name}: ${/^[\d;=, a-z"-]{1,60}$/i.test(value) ? value : '…'}`)
      },
    }
    const start = performance.now()
    let accepted = 0
    for (; accepted <= limit; accepted++) {
      const { status } = await statusOf(context, options)
      if (status === undefined) throw new UndecidedError('no answer')
      if (status === 429) break
    }
    if (accepted > limit) return asAssumed(String(limit), `${accepted} requests without a 429`)
    const atLimit = headers.length > 0 ? ` with ${headers.join(', ')}` : ' without a header'
    let waited = 0
    while (waited < WINDOW_MS) {
      await pause(RETRY_MS, undefined, { signal: context.signal })
      waited = performance.now() - start
      if ((await statusOf(context, options)).status !== 429) break
    }
    const found = `429 after ${accepted} requests${atLimit}; accepted again ${Math.round(waited / 1000)} s after the first`
    // The window may include requests before the experiment.
    return accepted >= limit * 0.9
      ? asAssumed(String(accepted), found)
      : differs(String(accepted), found, `set TRATTA_REQUESTS_PER_MINUTE to ${accepted}`)
  },
}
