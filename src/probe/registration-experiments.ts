/** What Tratta does with a registered URL. Throw-away URLs are registered, and calls are triggered. */
import { setTimeout as pause } from 'node:timers/promises'
import { answerText, isAccepted } from './exchanges.ts'
import { asAssumed, differs, type Experiment, type ProbeContext, shared, unsupported } from './experiment.ts'
import type { Call } from './listener.ts'
import { UndecidedError } from './undecided-error.ts'

/** A request that Tratta sends after its answer arrives within this time. */
const LATE_MS = 300

/** Triggers a call for an account that does not exist. @returns the requests that arrived */
async function callsOf({ tratta, data, listener, signal }: ProbeContext): Promise<Call[]> {
  const { answer, take } = await listener()
  answer({ status: 404, body: { code: 'account_not_found', request_id: 'probe' } })
  take()
  await tratta.trigger(data.id('A'))
  await pause(LATE_MS, undefined, { signal })
  return take()
}

const registered = shared(async (context) => {
  const { tratta, listener, signal } = context
  const { newUrl, take } = await listener()
  const url = newUrl()
  take()
  const first = await tratta.register(url)
  if (!isAccepted(first)) throw new UndecidedError(`Tratta did not register a URL: ${answerText(first)}`)
  await pause(LATE_MS, undefined, { signal })
  const whileRegistering = take()
  const again = await tratta.register(url)
  const calls = await callsOf(context)
  if (calls.length === 0)
    throw new UndecidedError('Tratta did not call PUBLIC_URL: it does not reach it, or calls another URL')
  return { url, first, again, whileRegistering, calls }
})

/** A second URL, with a slash at its end. */
const replaced = shared(async (context) => {
  const { url } = await registered(context)
  const other = (await context.listener()).newUrl()
  const exchange = await context.tratta.register(`${other}/`)
  if (!isAccepted(exchange))
    throw new UndecidedError(`Tratta did not register a second URL: ${answerText(exchange)}`)
  const [call] = await callsOf(context)
  if (!call) throw new UndecidedError('Tratta did not call a URL with a slash at its end')
  return { call, isLast: isCallOf(call, other), isFirst: isCallOf(call, url) }
})

const isCallOf = (call: Call, url: string) => call.url.includes(url.slice(url.lastIndexOf('/') + 1))

export const registerTwice: Experiment = {
  name: 'register_twice',
  assumed: 'a URL can be registered twice, and is called once',
  async run(context) {
    const { again, calls } = await registered(context)
    if (calls.length > 1)
      return differs(
        'called_twice',
        `a URL that is registered twice is called ${calls.length} times`,
        'nothing: each call is answered; the URL is registered once',
      )
    if (isAccepted(again)) return asAssumed('accepted', `${again.status}, and one call`)
    return differs(
      'rejected',
      answerText(again),
      'a rejection after a lost answer means that the URL is registered: `trigger` proves it',
    )
  },
}

export const registrationCheck: Experiment = {
  name: 'registration_check',
  assumed: 'Tratta does not call the URL while it is registered',
  async run(context) {
    const { whileRegistering } = await registered(context)
    if (whileRegistering.length === 0) return asAssumed('none', 'no request')
    const requests = whileRegistering.map(
      ({ method, url }) => `${method} with${url.includes('?') ? '' : 'out'} a parameter`,
    )
    return differs(
      'checked',
      requests.join(', '),
      'nothing: `serve` listens before it registers, and answers such a request with an error',
    )
  },
}

export const calledUrl: Experiment = {
  name: 'called_url',
  assumed: 'Tratta calls the URL that was registered last',
  async run(context) {
    const { isLast, isFirst } = await replaced(context)
    if (isLast) return asAssumed('last', 'the last one')
    if (!isFirst) throw new UndecidedError('Tratta called neither of two registered URLs')
    return unsupported(
      'first',
      'Tratta calls the URL that was registered first',
      'a new URL or secret has no effect until Tratta deletes the earlier URL: ask Tratta, and keep JIT_SECRET_PREVIOUS',
    )
  },
}

export const urlSlash: Experiment = {
  name: 'url_slash',
  assumed: 'a slash at the end of a URL stays',
  async run(context) {
    const { call, isLast } = await replaced(context)
    if (!isLast) throw new UndecidedError('Tratta did not call the URL with the slash')
    return call.url.split('?')[0]!.endsWith('/')
      ? asAssumed('kept', 'it stays')
      : differs('removed', 'it is removed', 'nothing: the registered URL has none')
  },
}

export const urlQuery: Experiment = {
  name: 'url_query',
  assumed: 'the parameter is appended to the query of a URL',
  async run(context) {
    await replaced(context)
    const { newUrl } = await context.listener()
    const exchange = await context.tratta.register(`${newUrl()}?probe=1`)
    const nothing = 'nothing: the registered URL has no query'
    if (exchange.status === undefined) throw new UndecidedError(answerText(exchange))
    if (!isAccepted(exchange)) return differs('rejected', answerText(exchange), nothing)
    const [call] = await callsOf(context)
    const query = call?.url.split('?').slice(1).join('?') ?? ''
    // The experiments that follow need a URL without a query.
    await context.tratta.register(newUrl())
    if (!query.includes('probe=1')) {
      const { isLast } = await replaced(context)
      if (!call || !isLast) throw new UndecidedError('Tratta did not call the URL with a query')
      return differs('removed', 'the query is removed', nothing)
    }
    return /(^|&)debt_account_external_id=/.test(query)
      ? asAssumed('appended', 'it is appended with &')
      : differs('concatenated', 'it is appended with a second ?', nothing)
  },
}

/** Registers a URL without a query, if none of the experiments before did. */
export const reachable = shared(async (context) => {
  await registered(context)
})
