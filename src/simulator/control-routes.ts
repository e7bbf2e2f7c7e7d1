import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type InjectedFault, validateFaults } from './fault-injection.ts'
import { isObject, readJson } from './json.ts'
import type { Resource, ResourceStore } from './resource-store.ts'
import type { State } from './state.ts'

/** What the control routes share with the object that `createSimulator` returns. */
export interface Control {
  /** Replaces all earlier faults; without arguments it removes them. */
  injectFaults(...faults: InjectedFault[]): Promise<void>
  configure(changes: object): void
  reset(): Promise<void>
}

/** Adds the routes that control the simulator: outside /api/v1 and without a token. */
export function addControlRoutes(app: FastifyInstance, state: () => State, control: Control): void {
  app.post('/simulator/faults', async (request, reply) => {
    const list = [readJson(request) ?? []].flat()
    const error = validateFaults(list)
    if (error) return reply.code(400).send({ message: error })
    const faults = list as InjectedFault[]
    const outage = faults.find((fault) => fault.kind === 'outage')
    if (outage && outage.ms === undefined)
      return reply.code(400).send({ message: 'outage needs ms: during an outage no request can end it' })
    // An outage closes this connection, so it starts after the response.
    if (outage) reply.raw.once('finish', () => control.injectFaults(...faults))
    else await control.injectFaults(...faults)
    return reply.code(204).send()
  })

  app.post('/simulator/configure', (request, reply) => {
    const body = readJson(request)
    if (!isObject(body)) return reply.code(400).send({ message: 'the body must be an object of settings' })
    // JSON has no Infinity.
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
  app.get('/simulator/store', () => {
    const { store, jitUrls } = state()
    return {
      customers: store.customers.size,
      locations: store.locations.size,
      debt_accounts: store.debtAccounts.size,
      jit_urls: jitUrls,
    }
  })
  for (const [path, select] of resourceStores) {
    app.get(`/simulator/store/${path}`, (_request, reply) => sendLines(reply, select(state())))
    app.get<{ Params: { key: string } }>(`/simulator/store/${path}/:key`, (request, reply) => {
      const resource = select(state()).get(request.params.key)
      return resource ?? reply.code(404).send({ message: 'Not found.' })
    })
  }
}

const resourceStores: [path: string, select: (state: State) => ResourceStore<Resource>][] = [
  ['customers', ({ store }) => store.customers],
  ['locations', ({ store }) => store.locations],
  ['debt_accounts', ({ store }) => store.debtAccounts],
]

function sendLines(reply: FastifyReply, resources: ResourceStore): FastifyReply {
  function* lines(): Generator<string> {
    for (const resource of resources.values()) yield `${JSON.stringify(resource)}\n`
  }
  return reply.type('application/x-ndjson').send(Readable.from(lines()))
}
