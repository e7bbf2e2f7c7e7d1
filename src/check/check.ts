/** The types of a check, its results, and the dependencies between checks. */
import type pg from 'pg'
import type { Config, SettingProblem } from '../config.ts'
import type { Relations } from '../database/relations.ts'
import type { SettingName } from '../settings.ts'
import type { Readings } from '../tratta/readings.ts'
import type { UnreadableRows } from './exclude-unreadable-rows.ts'
import type { DataScan } from './scan-data.ts'

export type State = 'ok' | 'warning' | 'error' | 'skipped'

export interface CheckResult {
  state: State
  /** A sentence with names, numbers and external ids. It contains no other value and no secret. */
  message: string
  /** The next step. */
  remedy?: string
  /** The number of rows. */
  count?: number
  /** The external_ids of up to three rows. */
  examples?: string[]
}

export const ok = (message: string): CheckResult => ({ state: 'ok', message })
export const skipped = (message: string): CheckResult => ({ state: 'skipped', message })
export const warning = (message: string, remedy: string): CheckResult => ({
  state: 'warning',
  message,
  remedy,
})
export const errorResult = (message: string, remedy: string): CheckResult => ({
  state: 'error',
  message,
  remedy,
})

/** What a check provides for later checks. */
interface Dependencies {
  /** Present when Postgres answers. */
  pool: pg.Pool
  /** Present when the relations have the columns that the lookup needs. */
  relations: Relations
  /** Present when the user may read the relations. */
  readable: true
  /** The result of a scan of all customers. */
  scan: DataScan
  /** All rows that Postgres cannot read. */
  unreadable: UnreadableRows
  /** What `probe` and the settings say about Tratta. */
  readings: Readings
}

/** Both functions get the seconds since the check started. */
export interface Progress {
  fields(seconds: number): object
  line(seconds: number): string
}

export interface Context extends Partial<Dependencies> {
  /** The valid settings. */
  config: Partial<Config>
  problems: SettingProblem[]
  /** Aborts at the time limit of the check. */
  signal: AbortSignal
  /** Whether to omit the checks that read all rows. */
  isQuick: boolean
  /** The offset of each other clock, positive when it is ahead, and the uncertainty, in milliseconds. */
  clocks: { of: string; aheadMs: number; uncertainMs: number }[]
  /** A check that takes long sets this to show more than its name. */
  progress: Progress | undefined
}

export interface Check {
  /** One word. */
  name: string
  needs: (keyof Dependencies)[]
  settings: readonly SettingName[]
  readsAllRows: boolean
  run(context: Context): Promise<CheckResult[]>
}

/** Defines a check. It runs when its dependencies and its settings are present. */
export const check = <
  Needs extends keyof Dependencies = never,
  Name extends SettingName = never,
>(definition: {
  name: string
  needs?: Needs[]
  settings?: readonly Name[]
  readsAllRows?: true
  run(context: Context & Pick<Dependencies, Needs> & { config: Config<Name> }): Promise<CheckResult[]>
}): Check => ({ needs: [], settings: [], readsAllRows: false, ...definition }) as Check
