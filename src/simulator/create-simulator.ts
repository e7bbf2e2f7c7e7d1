import type { AddressInfo } from 'node:net'
import { buildApp } from './app.ts'
import type { BulkAction } from './bulk-actions.ts'
import { createDoor } from './door.ts'
import { createDraw } from './draw.ts'
import type { Holdings } from './holdings.ts'
import { type Misbehaviour, misbehaviourProblem } from './misbehaviour.ts'
import type { RecordedRequest } from './recorded-request.ts'
import { changeSettings, defaultSettings, type SimulatorSettings } from './settings.ts'
import { createState } from './state.ts'

export interface SimulatorOptions extends Partial<SimulatorSettings> {
  /** Default 127.0.0.1. The control routes ask for no token: think before you open them to others. */
  host?: string
  /** Default 0, which is any free port. */
  port?: number
}

export interface Simulator {
  /** The base address, as TRATTA_API_URL wants it: `http://127.0.0.1:PORT/api/v1`. */
  readonly url: string
  /** The last 10,000 requests below /api/v1 since the last reset. */
  readonly requests: readonly RecordedRequest[]
  /** What it holds. */
  readonly holdings: Holdings
  /** Registered JIT URLs in the order in which they came; the last one is called. */
  readonly jitUrls: readonly string[]
  /** Bulk actions in the order in which they came. */
  readonly bulkActions: readonly BulkAction[]
  readonly settings: Readonly<SimulatorSettings>
  /** When no bulk action is pending any more. */
  settled(): Promise<void>
  /**
   * Misbehaves in the first of these ways that applies to a request. Replaces what was asked for before;
   * without arguments it behaves again.
   * @throws TypeError
   */
  misbehave(...list: Misbehaviour[]): Promise<void>
  /**
   * Changes settings while it runs.
   * @throws TypeError naming every setting that is unknown or wrong
   */
  configure(changes: Partial<SimulatorSettings>): void
  /**
   * Forgets everything, misbehaviours included, and goes back to the settings that it was made with. All
   * of it at once; only if it was `away`, it can be reached again when the promise is fulfilled.
   */
  reset(): Promise<void>
  close(): Promise<void>
}

/**
 * Starts a simulated Tratta, written from Tratta's pages alone; docs/simulator.md says what of it is
 * documented, what is our reading, and what is unknown.
 * @throws TypeError for wrong options; a system error if the port is taken
 */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, ...changes } = options
  const initial = changeSettings(defaultSettings, changes)
  let state = createState(initial)
  let closing: Promise<void> | undefined

  const app = buildApp(() => state, { misbehave, configure, reset })
  const address = await app.listen({ host, port }).then(() => app.server.address() as AddressInfo)
  const door = createDoor(app.server, host, address.port)
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host

  async function misbehave(...list: Misbehaviour[]): Promise<void> {
    const problem = misbehaviourProblem(list)
    if (problem) throw new TypeError(problem)
    state.misbehaviours.set(list.filter(({ kind }) => kind !== 'away'))
    const away = list.find(({ kind }) => kind === 'away')
    await (away ? door.shut(away.ms) : door.open())
  }

  function configure(given: object): void {
    const settings = changeSettings(state.settings, given)
    if (settings.seed !== state.settings.seed) state.drawLoss = createDraw(settings.seed)
    state.settings = settings
  }

  function reset(): Promise<void> {
    state.bulkActions.stop()
    state = createState(initial)
    return door.open()
  }

  async function close(): Promise<void> {
    state.bulkActions.stop()
    await door.open()
    await app.close()
  }

  return {
    url: `http://${name.includes(':') ? `[${name}]` : name}:${address.port}/api/v1`,
    get requests() {
      return state.requests
    },
    get holdings() {
      return state.holdings
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
    misbehave,
    configure,
    reset,
    close: () => (closing ??= close()),
  }
}
