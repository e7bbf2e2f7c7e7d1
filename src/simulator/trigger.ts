import type { FastifyReply, FastifyRequest } from 'fastify'
import { applyPayload } from './apply-payload.ts'
import { callJitUrl, type JitFailure } from './call-jit-url.ts'
import { checkPayload, type Payload } from './check-payload.ts'
import { sendFault, sendValidationFaults } from './faults.ts'
import { parseJson } from './parse-json.ts'
import type { State } from './state.ts'
import { addFault, type Faults, lines } from './wording.ts'

/**
 * Asks the last registered URL about an account, and answers what came of it (just-in-time.txt, Testing a
 * JIT endpoint): the resources that were created or updated; or the other side's status and body as they
 * came, if it did not answer 200; or what is wrong with the payload, 422.
 */
export async function trigger(
  request: FastifyRequest,
  reply: FastifyReply,
  asked: string,
  state: State,
): Promise<FastifyReply> {
  const url = state.jitUrls.at(-1)
  if (url === undefined) return sendFault(request, reply, 404, 'No just in time endpoint has been created.')

  const { callTimeoutMs } = state.settings
  const answer = await callJitUrl(url, asked, callTimeoutMs)
  if (typeof answer === 'string') {
    return sendFault(request, reply, answer === 'timeout' ? 504 : 502, failureMessage(answer, callTimeoutMs))
  }
  if (answer.status !== 200) {
    if (answer.contentType !== undefined) reply.type(answer.contentType)
    return reply.code(answer.status).send(answer.body)
  }
  const text = answer.body.toString()
  const faults = checkText(text, asked, state)
  if (faults.size > 0) return sendValidationFaults(request, reply, faults)
  // parsed again, because `parseJson` marks numbers where it finds 1.0
  const { data } = JSON.parse(text) as { data: Payload }
  return reply.send({ data: applyPayload(data, state.holdings) })
}

function checkText(text: string, asked: string, { holdings, settings }: State): Faults {
  try {
    return checkPayload(parseJson(text), asked, holdings, settings)
  } catch {
    const faults: Faults = new Map()
    addFault(faults, 'data', lines.json)
    return faults
  }
}

function failureMessage(failure: JitFailure, timeoutMs: number): string {
  if (failure === 'timeout')
    return `The just in time endpoint did not answer within ${timeoutMs} milliseconds.`
  return failure === 'unreachable'
    ? 'The just in time endpoint could not be reached.'
    : 'The answer of the just in time endpoint is too large.'
}
