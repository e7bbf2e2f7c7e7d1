/** Tratta's own test of a JIT endpoint, from question to outcome on one screen. */

import { readConfig } from '../config.ts'
import { print, printJson } from '../terminal/output.ts'
import { printable } from '../terminal/printable.ts'
import { maskedUrl, trattaClient } from '../tratta/registration.ts'
import { TrattaError, validationMessages } from '../tratta/tratta-error.ts'
import { DONE, FAILED, type Options } from './command.ts'
import { lookUp } from './lookup.ts'
import { REGISTRATION_SETTINGS } from './register.ts'

export async function triggerCommand(options: Options, [externalId = '']: string[]): Promise<number> {
  const config = readConfig(process.env, ...REGISTRATION_SETTINGS)
  const ours = await lookUp(config, externalId)
  const outcome = await trattaClient(config)
    .trigger(externalId)
    .then(({ body }): Outcome => ({ taken: true, tratta: body }), readFailure)
  const question = `${maskedUrl(config)}?debt_account_external_id=${encodeURIComponent(externalId)}`
  const answer = 'payload' in ours ? ours.payload : { problem: ours.problem }
  if (options.json) printJson({ question, answer, ...outcome })
  else show(question, answer, outcome)
  return outcome.taken ? DONE : FAILED
}

type Outcome =
  | { taken: true; tratta: unknown }
  | { taken: false; ours: { status: number | undefined; code: string; request_id: string } }
  | { taken: false; validation: { field: string; messages: string[] }[] }
  | { taken: false; error: string }

/** Tratta relays our own failure with its status and body, and adds validation messages of its own. */
function readFailure(error: unknown): Outcome {
  if (!(error instanceof TrattaError)) throw error
  const { code, request_id } = (error.body ?? {}) as Record<string, unknown>
  if (typeof code === 'string' && typeof request_id === 'string')
    return { taken: false, ours: { status: error.status, code, request_id } }
  const validation = validationMessages(error.body)
  return validation.length > 0 ? { taken: false, validation } : { taken: false, error: error.message }
}

function show(question: string, answer: unknown, outcome: Outcome) {
  print(`Tratta asks\n\n  GET ${question}\n`)
  print(`tratta-jit answers, by what stands in the database now\n\n${indented(answer)}\n`)
  if (outcome.taken) print(`Tratta took it, and now holds\n\n${indented(outcome.tratta)}`)
  else if ('ours' in outcome) {
    const { status, code, request_id } = outcome.ours
    print(`tratta-jit failed: Tratta relays ${status} ${code}. In our log: "request_id":"${request_id}"`)
  } else if ('validation' in outcome) {
    print('Tratta refused the answer:\n')
    for (const { field, messages } of outcome.validation)
      print(printable(`  ${field}: ${messages.join(' ')}`))
  } else print(outcome.error)
}

const indented = (value: unknown) => JSON.stringify(value, null, 2).replace(/^/gm, '  ')
