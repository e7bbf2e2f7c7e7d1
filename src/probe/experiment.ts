/** The types of an experiment and of its result. */
import type { Config } from '../config.ts'
import type { StoredReading } from '../tratta/readings-store.ts'
import type { Exchanges } from './exchanges.ts'
import type { Listener } from './listener.ts'
import type { MadeUpData } from './made-up-data.ts'

export interface Finding {
  result: 'as_assumed' | 'differs' | 'undecided'
  /** A sentence without values of the organization. */
  found: string
  /** What is stored as the reading; absent if undecided. */
  value?: string
  /** What the program does because of the difference. */
  effect?: string
  /** The program cannot adapt to the difference. */
  isUnsupported?: boolean
}

export interface Experiment {
  name: string
  /** What the program assumes, for people. */
  assumed: string
  /** Runs only with --only. */
  isOptIn?: true
  run(context: ProbeContext): Promise<Finding>
}

export type ProbeConfig = Config<'DATABASE_URL' | 'TRATTA_API_URL' | 'TRATTA_API_TOKEN'>

export interface ProbeContext {
  config: ProbeConfig
  tratta: Exchanges
  data: MadeUpData
  listener(): Promise<Listener>
  signal: AbortSignal
}

export const asAssumed = (value: string, found: string): Finding => ({ result: 'as_assumed', value, found })

export const differs = (value: string, found: string, effect: string): Finding => ({
  result: 'differs',
  value,
  found,
  effect,
})

/** A difference that the program cannot adapt to. */
export const unsupported = (value: string, found: string, effect: string): Finding => ({
  ...differs(value, found, effect),
  isUnsupported: true,
})

export const storedResult = ({ result, isUnsupported }: Finding): StoredReading['result'] | undefined =>
  result === 'undecided' ? undefined : isUnsupported ? 'unsupported' : result

/** Several experiments use what one series of requests shows. The requests are sent once. */
export function shared<Facts>(find: (context: ProbeContext) => Promise<Facts>) {
  const known = new WeakMap<ProbeContext, Promise<Facts>>()
  return (context: ProbeContext): Promise<Facts> => {
    const facts = known.get(context) ?? find(context)
    known.set(context, facts)
    return facts
  }
}
