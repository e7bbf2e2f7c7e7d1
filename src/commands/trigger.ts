/** Calls Tratta's "Testing a JIT endpoint", and shows the request, our response, and the result. */
import type pg from 'pg'
import { readConfig } from '../config.ts'
import { print, printJson } from '../terminal/output.ts'
import { printable } from '../terminal/printable.ts'
import { showWaiting } from '../terminal/progress.ts'
import { type Comparison, compareResources } from '../tratta/compare-resources.ts'
import { maskedUrl, type RegistrationConfig, trattaClient, urlDigest } from '../tratta/jit-url.ts'
import { registrationPool } from '../tratta/registration.ts'
import { isRegistered, storeProof } from '../tratta/registration-store.ts'
import { TrattaError } from '../tratta/tratta-error.ts'
import {
  isProof,
  readTriggerAnswer,
  readTriggerError,
  type TriggerOutcome,
} from '../tratta/trigger-outcome.ts'
import { UsageError } from '../user-facing-error.ts'
import { auditRead } from './audit-read.ts'
import { DONE, FAILED, failWith, type Options } from './command.ts'
import { lookUp } from './lookup.ts'
import { REGISTRATION_SETTINGS } from './register.ts'
import { triggerSample } from './trigger-sample.ts'

export async function triggerCommand(options: Options, [externalId]: string[]): Promise<number> {
  if ((externalId === undefined) === (options.sample === undefined))
    throw new UsageError('trigger needs an ID or --sample N')
  if (externalId === undefined) return triggerSample(options)
  const config = readConfig(process.env, ...REGISTRATION_SETTINGS)
  const pool = registrationPool(config)
  try {
    return await triggerOne(config, pool, externalId, options)
  } catch (error) {
    return failWith(error, options)
  } finally {
    await pool.end()
  }
}

async function triggerOne(config: RegistrationConfig, pool: pg.Pool, externalId: string, options: Options) {
  const ours = await lookUp(config, externalId)
  const answer = await showWaiting(Boolean(options.json), 'Waiting for Tratta', () =>
    trattaClient(config)
      .trigger(externalId)
      .then(({ body }) => readTriggerAnswer(body), unlessTrattaError),
  )
  // The trigger is complete also if this user may not store the state.
  if (isProof(answer)) await storeProof(pool, config.TRATTA_API_URL, urlDigest(config)).catch(() => {})
  const outcome = 'error' in answer ? await explainUnregistered(config, pool, answer) : answer
  await auditRead(config, { command: 'trigger', externalId, result: resultOf(outcome) })
  const request = `${maskedUrl(config)}?debt_account_external_id=${encodeURIComponent(externalId)}`
  const response = 'payload' in ours ? ours.payload : { problem: ours.problem }
  const comparison =
    outcome.accepted && 'payload' in ours ? compareResources(ours.payload, outcome.tratta) : undefined
  if (options.json)
    await printJson({
      request,
      response,
      ...outcome,
      ...(comparison && { differs: comparison.differs, not_returned: comparison.notReturned }),
    })
  else await show(request, response, outcome, comparison)
  return outcome.accepted ? DONE : FAILED
}

function unlessTrattaError(error: unknown): TriggerOutcome {
  if (!(error instanceof TrattaError)) throw error
  return readTriggerError(error)
}

/** Without a registered URL, what Tratta returns is unknown. */
async function explainUnregistered(
  config: RegistrationConfig,
  pool: pg.Pool,
  outcome: TriggerOutcome & { error: string },
): Promise<TriggerOutcome> {
  return (await isRegistered(config, pool))
    ? outcome
    : { accepted: false, error: `Not registered yet: run \`tratta-jit register\`. ${outcome.error}` }
}

/** For the record of reads. The messages of Tratta can contain values. */
function resultOf(outcome: TriggerOutcome) {
  if (outcome.accepted) return 'accepted'
  if ('ours' in outcome) return `${outcome.ours.code}, request_id ${outcome.ours.request_id}`
  if ('validation' in outcome) return `rejected: ${outcome.validation.map(({ field }) => field).join(', ')}`
  return 'failed'
}

async function show(
  request: string,
  response: unknown,
  outcome: TriggerOutcome,
  comparison: Comparison | undefined,
) {
  await print(`Tratta requests\n\n  GET ${request}\n`)
  await print(`tratta-jit returns, with the current data of the database\n\n${indented(response)}\n`)
  if (outcome.accepted && outcome.tratta === null)
    await print('Tratta accepted the response, and returned no resources')
  else if (outcome.accepted)
    await print(`Tratta accepted the response and stores\n\n${indented(outcome.tratta)}`)
  else if ('ours' in outcome) {
    const { status, code, request_id } = outcome.ours
    await print(
      `tratta-jit returned an error: Tratta relays ${status} ${code}. In our log: "request_id":"${request_id}"`,
    )
  } else if ('validation' in outcome) {
    await print('Tratta rejected the response:\n')
    for (const { field, messages } of outcome.validation)
      await print(printable(`  ${[field, messages.join(' ')].filter(Boolean).join(': ')}`))
  } else await print(outcome.error)
  if (comparison && comparison.differs.length > 0)
    await print(printable(`\nTratta returned other values than were sent: ${comparison.differs.join(', ')}`))
}

const indented = (value: unknown) => JSON.stringify(value, null, 2).replace(/^/gm, '  ')
