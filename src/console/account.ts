/**
 * One account: what Tratta would get now, its calls, its uploads, and a trigger. The id comes by POST, so that it is in
 * no URL. Each view is recorded as a read, before anything is shown.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { html } from 'ghtml'
import { readAccountEvents } from '../calls/account-events.ts'
import { readCalls } from '../calls/read-calls.ts'
import { readReads, recordRead } from '../calls/reads.ts'
import { configuredStatement } from '../database/account-statement.ts'
import { limitsWithin } from '../database/pool.ts'
import { type AccountLookup, lookUpAccount } from '../payload/look-up-account.ts'
import type { App } from '../responder/app.ts'
import { canRegister } from '../tratta/jit-url.ts'
import { loadReadings } from '../tratta/readings.ts'
import { callsTable } from './calls.ts'
import { badge, code, type Html, message, postForm, table, time } from './html.ts'
import { payloadFields } from './payload-fields.ts'
import type { Shared } from './shared.ts'
import { triggerAccount } from './trigger.ts'

const ROWS = 20
const MAX_ID_CHARACTERS = 255

interface View {
  request: FastifyRequest
  reply: FastifyReply
  externalId: string
  isRevealed: boolean
  /** The result of a trigger, which replaces the payload. */
  triggered?: Html
}

export function addAccountPages(app: App, shared: Shared) {
  const { config, pool, send } = shared
  const limits = limitsWithin(config.JIT_DEADLINE_MS)
  const statement = configuredStatement(config)
  const lookUp = async (externalId: string) => {
    const { ssnLast4 } = await loadReadings(pool, config)
    return lookUpAccount(pool, statement, externalId, { ...limits, ssnLast4 })
  }

  async function show({ request, reply, externalId, isRevealed, triggered }: View) {
    const { token } = request.session!
    const [found, calls, events, reads] = await Promise.all([
      lookUp(externalId),
      readCalls(pool, { externalId }, { limit: ROWS }),
      readAccountEvents(pool, externalId),
      readReads(pool, { externalId }, ROWS),
    ])
    return send(request, reply, {
      title: 'Account',
      path: 'account',
      body: html`!${idForm(token, externalId)}!${
        triggered ?? html`<h2>What Tratta would get now</h2>!${payload(found, isRevealed)}`
      }
        <div class="actions">!${
          isRevealed || !('payload' in found)
            ? ''
            : postForm(
                'account-reveal',
                token,
                { external_id: externalId },
                'Reveal personal values',
                'Your name is recorded.',
              )
        }!${
          canRegister(shared.config)
            ? postForm(
                'account-trigger',
                token,
                { external_id: externalId },
                'Ask Tratta to call',
                'Tratta calls this service for the account now, and stores the answer.',
              )
            : ''
        }</div>
        <h2>Calls</h2>!${callsTable(calls, html`Tratta has not asked for this account.`)}
        <h2>Uploads and triggers</h2>!${table(
          ['Time', 'Event', 'Details'],
          events
            .slice(0, ROWS)
            .map((event) => [
              time(event.time),
              badge(event.event === 'rejected' ? 'bad' : 'plain', event.event),
              html`${event.text}`,
            ]),
          html`This account was not uploaded with !${code('tratta-jit bulk push')}.`,
        )}
        <h2>Reads by people</h2>!${table(
          ['Time', 'User', 'Command'],
          reads.map((read) => [time(read.time), html`${read.user_name}`, html`${read.command}`]),
          html`Nobody read this account.`,
        )}`,
    })
  }

  app.get('/account', (request, reply) =>
    send(request, reply, {
      title: 'Account',
      path: 'account',
      body: html`!${idForm(request.session!.token, '')}<p class="empty">Enter the external_id of an account to see what Tratta
        would get for it now, its calls and its uploads. Personal values are hidden. Your name is recorded.</p>`,
    }),
  )

  for (const [path, command] of [
    ['/account', 'console account'],
    ['/account-reveal', 'console reveal'],
  ] as const)
    app.post<{ Body: Record<string, unknown> }>(
      path,
      { config: { hasForm: true } },
      async (request, reply) => {
        const externalId = readId(request.body)
        await recordRead(pool, { user: request.session!.user, command, externalId })
        return show({ request, reply, externalId, isRevealed: path === '/account-reveal' })
      },
    )

  app.post<{ Body: Record<string, unknown> }>(
    '/account-trigger',
    { config: { hasForm: true } },
    async (request, reply) => {
      const externalId = readId(request.body)
      const { user } = request.session!
      const current = shared.config
      if (!canRegister(current)) return reply.callNotFound()
      await recordRead(pool, { user, command: 'console account', externalId })
      const { result, content } = await triggerAccount(current, pool, externalId, () => lookUp(externalId))
      await recordRead(pool, { user, command: 'trigger', externalId, result })
      return show({ request, reply, externalId, isRevealed: false, triggered: content })
    },
  )
}

const idForm = (
  token: string,
  externalId: string,
): Html => html`<form method="post" action="account" class="filter">
  <input type="hidden" name="token" value="${token}">
  <label>external_id <input name="external_id" value="${externalId}" maxlength="${MAX_ID_CHARACTERS}" required autocomplete="off"></label>
  <button>Show</button></form>`

function payload(found: AccountLookup, isRevealed: boolean): Html {
  if ('problem' in found) return message('bad', html`${found.problem}`)
  const { omitted } = found
  return html`!${table(
    ['Field', 'Value'],
    payloadFields(found.payload.data, isRevealed).map(({ path, value }) => [code(path), value]),
    '',
  )}!${
    omitted.length === 0
      ? html`<p>Nothing is omitted.</p>`
      : table(
          ['Omitted field', 'Reason'],
          omitted.map(({ field, kind, reason }) => [code(isRevealed ? field : kind), html`${reason}`]),
          '',
        )
  }`
}

/** @throws for an id that no call can have */
function readId({ external_id }: Record<string, unknown>): string {
  const id = typeof external_id === 'string' ? external_id.trim() : ''
  if (id === '' || id.length > MAX_ID_CHARACTERS || /\p{Cc}/u.test(id))
    throw Object.assign(new Error('not an external_id'), { statusCode: 400 })
  return id
}
