import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buildApp } from './app.ts'
import type { BulkAction } from './bulk-actions.ts'
import { type InjectedFault, validateFaults } from './fault-injection.ts'
import { createRandom } from './random.ts'
import type { RecordedRequest } from './recorded-request.ts'
import { changeSettings, defaultSettings, type SimulatorSettings } from './settings.ts'
import { createState } from './state.ts'
import type { Store } from './store.ts'

export interface SimulatorOptions extends Partial<SimulatorSettings> {
  /** Default 127.0.0.1. The control routes need no token, so other addresses expose them. */
  host?: string
  /** Default 0: any free port. */
  port?: number
}

export interface Simulator {
  /** The value for TRATTA_API_URL: `http://127.0.0.1:PORT/api/v1`. */
  readonly url: string
  /** The last 10,000 requests below /api/v1 since the last reset. */
  readonly requests: readonly RecordedRequest[]
  readonly store: Store
  /** Registered JIT URLs in order of registration; a trigger calls the last one. */
  readonly jitUrls: readonly string[]
  /** Bulk actions in order of creation. */
  readonly bulkActions: readonly BulkAction[]
  readonly settings: Readonly<SimulatorSettings>
  /** Resolves when no bulk action is pending. */
  settled(): Promise<void>
  /**
   * Injects the first of these faults that applies to a request. Replaces all earlier faults and ends an outage;
   * without arguments no fault remains.
   * @throws TypeError if a fault is invalid
   */
  injectFaults(...faults: InjectedFault[]): Promise<void>
  /**
   * Changes settings while the simulator runs.
   * @throws TypeError naming every unknown setting and every invalid value
   */
  configure(changes: Partial<SimulatorSettings>): void
  /**
   * Clears everything, faults included, and restores the initial settings, all at once. Only the end of an
   * outage takes until the promise resolves.
   */
  reset(): Promise<void>
  close(): Promise<void>
}

/**
 * Starts a simulated Tratta, based on Tratta's documentation alone. docs/simulator.md lists which behavior is
 * documented, assumed and unknown.
 * @throws TypeError for invalid options; a system error if the port is in use
 */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, ...changes } = options
  const initialSettings = changeSettings(defaultSettings, changes)
  let state = createState(initialSettings)
  let closing: Promise<void> | undefined

  const app = buildApp(() => state, { injectFaults, configure, reset })
  const address = await app.listen({ host, port }).then(() => app.server.address() as AddressInfo)
  const { startOutage, endOutage } = createOutage(app.server, host, address.port)
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host

  async function injectFaults(...faults: InjectedFault[]): Promise<void> {
    const error = validateFaults(faults)
    if (error) throw new TypeError(error)
    state.faults.set(faults.filter((fault) => fault.kind !== 'outage'))
    const outage = faults.find((fault) => fault.kind === 'outage')
    await (outage ? startOutage(outage.ms) : endOutage())
  }

  function configure(changes: object): void {
    const settings = changeSettings(state.settings, changes)
    if (settings.seed !== state.settings.seed) state.random = createRandom(settings.seed)
    state.settings = settings
  }

  function reset(): Promise<void> {
    state.bulkActions.stop()
    state = createState(initialSettings)
    return endOutage()
  }

  async function close(): Promise<void> {
    state.bulkActions.stop()
    await endOutage()
    await app.close()
  }

  return {
    url: `http://${name.includes(':') ? `[${name}]` : name}:${address.port}/api/v1`,
    get requests() {
      return state.requests
    },
    get store() {
      return state.store
    },
    get jitUrls() {
      return state.jitUrls
    },
    get bulkActions() {
      return state.bulkActions.list()
    },
    get settings() {
      return state.settings
    },
    settled: () => state.bulkActions.settled(),
    injectFaults,
    configure,
    reset,
    close: () => (closing ??= close()),
  }
}

/** Stops and restarts a listening server, so that its clients see connection failures. */
function createOutage(server: Server, host: string, port: number) {
  let endTimer: NodeJS.Timeout | undefined
  let restarting: Promise<void> | undefined

  async function listen(): Promise<void> {
    server.listen({ host, port })
    await once(server, 'listening')
  }

  /** Resolves when the server listens on the same port again. */
  async function endOutage(): Promise<void> {
    clearTimeout(endTimer)
    if (!restarting && server.listening) return
    // Concurrent callers share one restart: a second `listen` would throw.
    restarting ??= listen().finally(() => {
      restarting = undefined
    })
    await restarting
  }

  return {
    endOutage,
    /** Closes all connections and the port, for `ms` or until `endOutage`. */
    async startOutage(ms?: number) {
      clearTimeout(endTimer)
      await restarting
      server.close()
      server.closeAllConnections()
      if (ms !== undefined) endTimer = setTimeout(endOutage, ms)
    },
  }
}
