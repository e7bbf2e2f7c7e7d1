/** The types of a check, its findings, and the results that later checks use. */
import type pg from 'pg'
import type { Config, SettingProblem } from '../config.ts'
import type { Relations } from '../database/relations.ts'
import type { SettingName } from '../settings.ts'
import type { Pass } from './data-pass.ts'
import type { UnreadableRows } from './readable-relations.ts'

export type State = 'ok' | 'warning' | 'error' | 'skipped'

export interface Finding {
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

export const ok = (message: string): Finding => ({ state: 'ok', message })
export const warning = (message: string, remedy: string): Finding => ({ state: 'warning', message, remedy })
export const errorFinding = (message: string, remedy: string): Finding => ({
  state: 'error',
  message,
  remedy,
})

/** The results of a check that other checks need. */
interface Results {
  /** Present when Postgres answers. */
  pool: pg.Pool
  /** Present when the relations have the columns that the lookup needs. */
  relations: Relations
  /** Present when the user may read the relations. */
  readable: true
  /** The result of a pass over all customers. */
  pass: Pass
  /** All rows that Postgres cannot read. */
  unreadable: UnreadableRows
}

export interface Context extends Partial<Results> {
  /** The valid settings. */
  config: Partial<Config>
  problems: SettingProblem[]
  /** Aborts at the time limit of the check. */
  signal: AbortSignal
  /** Whether to omit the checks that read all rows. */
  isQuick: boolean
  /** The offset of each other clock, positive when it is ahead, and the uncertainty, in milliseconds. */
  clocks: { of: string; aheadMs: number; uncertainMs: number }[]
  /** Shows the progress of a pass. @returns a function that ends the display */
  showProgress(figures: (seconds: number) => object, line: (seconds: number) => string): () => void
}

export interface Check {
  /** One word. */
  name: string
  needs: (keyof Results)[]
  settings: readonly SettingName[]
  /** Whether the check reads all rows. */
  isPass: boolean
  run(context: Context): Promise<Finding[]>
}

/** Defines a check. It runs when the results that it needs and its settings are present. */
export const check = <Needs extends keyof Results = never, Name extends SettingName = never>(definition: {
  name: string
  needs?: Needs[]
  settings?: readonly Name[]
  isPass?: true
  run(context: Context & Pick<Results, Needs> & { config: Config<Name> }): Promise<Finding[]>
}): Check => ({ needs: [], settings: [], isPass: false, ...definition }) as Check
