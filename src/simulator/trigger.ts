import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DebtAccount } from './balance-sums.ts'
import { callJitUrl, type JitFailure } from './call-jit-url.ts'
import { sendError, sendValidationErrors } from './error-response.ts'
import { isObject, parseJson } from './json.ts'
import type { Resource } from './resource-store.ts'
import type { SimulatorSettings } from './settings.ts'
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
  const { settings } = state
  const url = state.jitUrls.at(settings.calledUrl === 'last' ? -1 : 0)
  if (url === undefined) return sendError(request, reply, 404, 'No just in time endpoint has been created.')

  const { callTimeoutMs } = settings
  const response = await callJitUrl(url, requestedId, settings)
  if (typeof response === 'string') {
    const status = response === 'timeout' ? 504 : 502
    return sendError(request, reply, status, failureMessage(response, callTimeoutMs))
  }
  if (response.status !== 200 && settings.jitErrors === 'wrap')
    return sendError(request, reply, 502, `The just in time endpoint returned ${response.status}.`)
  if (response.status !== 200) {
    if (response.contentType !== undefined) reply.type(response.contentType)
    return reply.code(response.status).send(response.body)
  }
  const text = response.body.toString()
  const errors = validateText(text, requestedId, state)
  if (errors.size > 0 && settings.triggerErrors === 'message')
    return sendError(request, reply, 422, 'The given data was invalid.')
  if (errors.size > 0) return sendValidationErrors(request, reply, errors)
  // Parsed again, because `parseJson` replaces numbers such as 1.0 by objects.
  const { data } = JSON.parse(text) as { data: Payload }
  return reply.send({ data: varySaved(savePayload(data, state.store), settings) })
}

/** Resources as other pages of Tratta show them (README.md, More from Tratta's other public pages). */
function varySaved(saved: SavedPayload, { triggerAnswer }: SimulatorSettings): object {
  if (triggerAnswer === 'uuid') return saved
  const vary = (resource: Resource) => {
    const { uuid, date_of_birth, ssn_last4, address, metadata, ...rest } = resource
    return {
      id: uuid,
      ...rest,
      ...(date_of_birth !== undefined && { dob: date_of_birth }),
      ...(ssn_last4 !== undefined && { ssn: ssn_last4 }),
      ...(address !== undefined && { address: [address] }),
      ...(isObject(metadata) && {
        metadata: Object.entries(metadata).map(([attribute, value]) => ({ attribute, value })),
      }),
    }
  }
  return Object.fromEntries(
    Object.entries(saved).map(([name, one]: [string, Resource | Resource[]]) => [
      name,
      Array.isArray(one) ? one.map(vary) : vary(one),
    ]),
  )
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
