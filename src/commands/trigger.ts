/** Calls Tratta's "Testing a JIT endpoint", and shows the request, our response, and the result. */
import { readConfig } from '../config.ts'
import { print, printJson } from '../terminal/output.ts'
import { printable } from '../terminal/printable.ts'
import { showWaiting } from '../terminal/progress.ts'
import { maskedUrl, trattaClient } from '../tratta/jit-url.ts'
import { TrattaError, validationMessages } from '../tratta/tratta-error.ts'
import { DONE, FAILED, type Options } from './command.ts'
import { lookUp } from './lookup.ts'
import { REGISTRATION_SETTINGS } from './register.ts'

export async function triggerCommand(options: Options, [externalId = '']: string[]): Promise<number> {
  const config = readConfig(process.env, ...REGISTRATION_SETTINGS)
  const ours = await lookUp(config, externalId)
  const outcome = await showWaiting(Boolean(options.json), 'Waiting for Tratta', () =>
    trattaClient(config)
      .trigger(externalId)
      .then(({ body }): Outcome => ({ accepted: true, tratta: body }), readFailure),
  )
  const request = `${maskedUrl(config)}?debt_account_external_id=${encodeURIComponent(externalId)}`
  const response = 'payload' in ours ? ours.payload : { problem: ours.problem }
  if (options.json) await printJson({ request, response, ...outcome })
  else await show(request, response, outcome)
  return outcome.accepted ? DONE : FAILED
}

type Outcome =
  | { accepted: true; tratta: unknown }
  | { accepted: false; ours: { status: number | undefined; code: string; request_id: string } }
  | { accepted: false; validation: { field: string; messages: string[] }[] }
  | { accepted: false; error: string }

/** Tratta relays our error with its status and body. Tratta's own errors have validation messages. */
function readFailure(error: unknown): Outcome {
  if (!(error instanceof TrattaError)) throw error
  const { code, request_id } = (error.body ?? {}) as Record<string, unknown>
  if (typeof code === 'string' && typeof request_id === 'string')
    return { accepted: false, ours: { status: error.status, code, request_id } }
  const validation = validationMessages(error.body)
  return validation.length > 0 ? { accepted: false, validation } : { accepted: false, error: error.message }
}

async function show(request: string, response: unknown, outcome: Outcome) {
  await print(`Tratta requests\n\n  GET ${request}\n`)
  await print(`tratta-jit returns, with the current data of the database\n\n${indented(response)}\n`)
  if (outcome.accepted) await print(`Tratta accepted the response and stores\n\n${indented(outcome.tratta)}`)
  else if ('ours' in outcome) {
    const { status, code, request_id } = outcome.ours
    await print(
      `tratta-jit returned an error: Tratta relays ${status} ${code}. In our log: "request_id":"${request_id}"`,
    )
  } else if ('validation' in outcome) {
    await print('Tratta rejected the response:\n')
    for (const { field, messages } of outcome.validation)
      await print(printable(`  ${field}: ${messages.join(' ')}`))
  } else await print(outcome.error)
}

const indented = (value: unknown) => JSON.stringify(value, null, 2).replace(/^/gm, '  ')
