import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { isObject } from '../json.ts'
import { type Misbehaviour, misbehaviourProblem } from './misbehaviour.ts'
import { readJson } from './read-fields.ts'
import type { Resource, Shelf } from './shelf.ts'
import type { State } from './state.ts'

/** What a simulator can be told to do, from within its process and from outside. */
export interface Control {
  /** Replaces what was asked for before; nothing ends it. */
  misbehave(...list: Misbehaviour[]): Promise<void>
  configure(changes: object): void
  reset(): Promise<void>
}

/** Routes for the operator of the simulation, outside of /api/v1 and without a token. */
export function addControlRoutes(app: FastifyInstance, state: () => State, control: Control): void {
  app.post('/simulator/misbehave', async (request, reply) => {
    const body = readJson(request)
    const list = [body ?? []].flat() as Misbehaviour[]
    const problem =
      misbehaviourProblem(list) ??
      (list.some(({ kind, ms }) => kind === 'away' && ms === undefined) &&
        'away needs ms: nobody could end it')
    if (problem) return reply.code(400).send({ message: problem })
    // `away` shuts this very connection, so the answer goes first
    if (list.some(({ kind }) => kind === 'away')) reply.raw.once('finish', () => control.misbehave(...list))
    else await control.misbehave(...list)
    return reply.code(204).send()
  })

  app.post('/simulator/configure', (request, reply) => {
    const body = readJson(request)
    if (!isObject(body)) return reply.code(400).send({ message: 'an object of settings is needed' })
    // JSON has no infinity
    const changes = body.requestsPerMinute === null ? { ...body, requestsPerMinute: Infinity } : body
    try {
      control.configure(changes)
    } catch (error) {
      return reply.code(400).send({ message: (error as Error).message })
    }
    return reply.send(state().settings)
  })

  app.post('/simulator/reset', async (_request, reply) => {
    await control.reset()
    return reply.code(204).send()
  })

  app.get('/simulator/requests', () => state().requests)
  app.get('/simulator/bulk', () => state().bulkActions.list())
  app.get('/simulator/holdings', () => {
    const { holdings, jitUrls } = state()
    const { customers, locations, debtAccounts } = holdings
    return {
      customers: customers.size,
      locations: locations.size,
      debt_accounts: debtAccounts.size,
      jit_urls: jitUrls,
    }
  })
  for (const [path, shelf] of shelves) {
    app.get(`/simulator/holdings/${path}`, (_request, reply) => sendLines(reply, shelf(state())))
    app.get<{ Params: { key: string } }>(`/simulator/holdings/${path}/:key`, (request, reply) => {
      const resource = shelf(state()).get(request.params.key)
      return resource ?? reply.code(404).send({ message: 'Not held.' })
    })
  }
}

const shelves: [path: string, shelf: (state: State) => Shelf<Resource>][] = [
  ['customers', ({ holdings }) => holdings.customers],
  ['locations', ({ holdings }) => holdings.locations],
  ['debt_accounts', ({ holdings }) => holdings.debtAccounts],
]

function sendLines(reply: FastifyReply, shelf: Shelf): FastifyReply {
  function* lines(): Generator<string> {
    for (const resource of shelf.values()) yield `${JSON.stringify(resource)}\n`
  }
  return reply.type('application/x-ndjson').send(Readable.from(lines()))
}
