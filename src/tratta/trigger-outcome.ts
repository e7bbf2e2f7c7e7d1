/** Reads the answer of "Testing a JIT endpoint": Tratta's resources, our own error, or Tratta's errors. */
import { isObject } from '../json.ts'
import { type FieldErrors, validationMessages } from './error-body.ts'
import type { TrattaError } from './tratta-error.ts'

/** Our own error response, as Tratta relays it. */
interface OurProblem {
  status: number | undefined
  code: string
  request_id: string
}

export type TriggerOutcome =
  /** `tratta` is null if the answer is empty. */
  | { accepted: true; tratta: unknown }
  | { accepted: false; ours: OurProblem }
  | { accepted: false; validation: FieldErrors[] }
  | { accepted: false; error: string }

/** @param body of a 2xx answer */
export function readTriggerAnswer(body: unknown): TriggerOutcome {
  const ours = findProblem(body)
  return ours ? { accepted: false, ours } : { accepted: true, tratta: body ?? null }
}

export function readTriggerError(error: TrattaError): TriggerOutcome {
  const ours = findProblem(error.body)
  if (ours) return { accepted: false, ours: { ...ours, status: ours.status ?? error.status } }
  const validation = validationMessages(error.body)
  if (validation.length > 0) return { accepted: false, validation }
  return { accepted: false, error: error.status === 404 ? `${error.problem}. ${NOT_FOUND}` : error.message }
}

/** Whether the outcome is impossible without a call to our URL. */
export const isProof = (outcome: TriggerOutcome) => outcome.accepted || 'ours' in outcome

const NOT_FOUND =
  'Run `tratta-jit check`: the registered URL leads to another program than `serve`, or TRATTA_API_URL is wrong.'

const MAX_DEPTH = 4

/** Finds our `application/problem+json` body: as it is, inside another body, or as a text in one. */
function findProblem(body: unknown, depth = 0): OurProblem | undefined {
  if (depth > MAX_DEPTH) return undefined
  if (typeof body === 'string')
    return body.includes('"request_id"') ? findProblem(parse(body), depth + 1) : undefined
  if (typeof body !== 'object' || body === null) return undefined
  if (isObject(body)) {
    const { code, request_id, status } = body
    if (typeof code === 'string' && typeof request_id === 'string')
      return { status: typeof status === 'number' ? status : undefined, code, request_id }
  }
  for (const value of Object.values(body)) {
    const found = findProblem(value, depth + 1)
    if (found) return found
  }
  return undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1))
  } catch {
    return undefined
  }
}
