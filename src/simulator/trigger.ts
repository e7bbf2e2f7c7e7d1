import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DebtAccount } from './balance-sums.ts'
import { sendError, sendValidationErrors } from './error-response.ts'
import { parseJson } from './json.ts'
import type { Resource } from './resource-store.ts'
import type { State } from './state.ts'
import type { WritableStore } from './store.ts'
import { type Payload, validatePayload } from './validate-payload.ts'
import { messages, singleError, type ValidationErrors } from './validation-messages.ts'

/**
 * Requests an account from the last registered URL and sends the result (just-in-time.txt, Testing a JIT
 * endpoint): the created or updated resources; or the responder's status and body, if its status is not 200; or
 * 422 with the validation errors of the payload.
 */
export async function trigger(
  request: FastifyRequest,
  reply: FastifyReply,
  requestedId: string,
  state: State,
): Promise<FastifyReply> {
  const url = state.jitUrls.at(-1)
  if (url === undefined) return sendError(request, reply, 404, 'No just in time endpoint has been created.')

  const { callTimeoutMs } = state.settings
  const response = await callJitUrl(url, requestedId, callTimeoutMs)
  if (typeof response === 'string') {
    const status = response === 'timeout' ? 504 : 502
    return sendError(request, reply, status, failureMessage(response, callTimeoutMs))
  }
  if (response.status !== 200) {
    if (response.contentType !== undefined) reply.type(response.contentType)
    return reply.code(response.status).send(response.body)
  }
  const text = response.body.toString()
  const errors = validateText(text, requestedId, state)
  if (errors.size > 0) return sendValidationErrors(request, reply, errors)
  // Parsed again, because `parseJson` replaces numbers such as 1.0 by objects.
  const { data } = JSON.parse(text) as { data: Payload }
  return reply.send({ data: savePayload(data, state.store) })
}

function validateText(text: string, requestedId: string, { store, settings }: State): ValidationErrors {
  try {
    return validatePayload(parseJson(text), requestedId, store, settings)
  } catch {
    return singleError('data', messages.json)
  }
}

/** The stored resources after an update, under the keys of the payload. */
interface SavedPayload {
  location?: Resource
  customer?: Resource
  debt_account: DebtAccount
  child_debt_accounts?: DebtAccount[]
}

/** Creates or updates the resources of a valid payload, and links its accounts to its customer and location. */
function savePayload(payload: Payload, store: WritableStore): SavedPayload {
  const location = payload.location && store.saveLocation(payload.location)
  const customer = payload.customer && store.saveCustomer(payload.customer)
  const links = {
    ...(customer && { customer_id: customer.uuid }),
    ...(location && { location_id: location.uuid }),
  }
  const account = store.saveDebtAccount(payload.debt_account, links)
  const children = payload.child_debt_accounts?.map((child) => store.saveDebtAccount(child, links))
  store.recalculateParents()

  const stored = ({ uuid }: DebtAccount) => store.debtAccounts.get(uuid)!
  return {
    ...(location && { location }),
    ...(customer && { customer }),
    debt_account: stored(account),
    ...(children && { child_debt_accounts: children.map(stored) }),
  }
}

function failureMessage(failure: JitFailure, timeoutMs: number): string {
  if (failure === 'timeout')
    return `The just in time endpoint did not answer within ${timeoutMs} milliseconds.`
  return failure === 'unreachable'
    ? 'The just in time endpoint could not be reached.'
    : 'The answer of the just in time endpoint is too large.'
}

interface JitResponse {
  status: number
  contentType: string | undefined
  body: Buffer
}

/** The reason for a missing response. */
type JitFailure = 'timeout' | 'unreachable' | 'too large'

const MAX_BYTES = 10_000_000

/**
 * Requests one account from the registered URL (just-in-time.txt, Receive a JIT request): GET, the parameter
 * appended, redirects not followed.
 * @param timeoutMs covers everything from connecting to the last byte
 */
async function callJitUrl(
  registeredUrl: string,
  debtAccountExternalId: string,
  timeoutMs: number,
): Promise<JitResponse | JitFailure> {
  const url = new URL(registeredUrl)
  url.searchParams.append('debt_account_external_id', debtAccountExternalId)
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await get(url, signal)
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_BYTES) {
        response.destroy()
        return 'too large'
      }
      chunks.push(chunk)
    }
    return {
      status: response.statusCode!,
      contentType: response.headers['content-type'],
      body: Buffer.concat(chunks),
    }
  } catch {
    return signal.aborted ? 'timeout' : 'unreachable'
  }
}

function get(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    // Each call opens a new connection, because an idle one would delay the responder's shutdown. It sends no
    // optional headers, because Tratta's are unknown and a responder must not rely on any.
    request(url, { agent: false, signal }, resolve).on('error', reject).end()
  })
}
