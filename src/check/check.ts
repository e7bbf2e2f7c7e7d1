/** What a check is, what it finds, and what checks hand on to those behind them. */
import type pg from 'pg'
import type { Config, SettingName, SettingProblem } from '../config.ts'
import type { Relations } from '../database/relations.ts'
import type { Pass } from './data-pass.ts'
import type { UnreadableRows } from './readable-relations.ts'

export type State = 'ok' | 'warning' | 'error' | 'skipped'

export interface Finding {
  state: State
  /** What was seen, in a sentence. Names, numbers and external ids; no other value, no secret. */
  message: string
  /** What to do about it. */
  remedy?: string
  /** Of rows. */
  count?: number
  /** external_ids of three of them. */
  examples?: string[]
}

export const ok = (message: string): Finding => ({ state: 'ok', message })
export const warning = (message: string, remedy: string): Finding => ({ state: 'warning', message, remedy })
export const errorFinding = (message: string, remedy: string): Finding => ({
  state: 'error',
  message,
  remedy,
})

/** What one check finds out and others need. */
interface Known {
  /** Postgres answers. */
  pool: pg.Pool
  /** They hold what the lookup needs. */
  relations: Relations
  /** Their rows may be read. */
  readable: true
  /** What a pass over all customers found. */
  pass: Pass
  /** Rows that Postgres cannot read, all of them. */
  unreadable: UnreadableRows
}

export interface Context extends Partial<Known> {
  /** The settings that are right. */
  config: Partial<Config>
  problems: SettingProblem[]
  /** Aborted when the time limit of the check has passed. */
  signal: AbortSignal
  /** No pass over all rows. */
  isQuick: boolean
  /** How far the clocks of others are ahead of ours, and how far that may be wrong, in milliseconds. */
  clocks: { of: string; aheadMs: number; uncertainMs: number }[]
  /** Shows how far a pass is. @returns what ends the showing */
  showProgress(figures: (seconds: number) => object, line: (seconds: number) => string): () => void
}

export interface Check {
  /** In one word. */
  name: string
  needs: (keyof Known)[]
  settings: readonly SettingName[]
  /** Reads all rows. */
  isPass: boolean
  run(context: Context): Promise<Finding[]>
}

/** A check that runs once what it needs is known and its settings are there. */
export const check = <Needs extends keyof Known = never, Name extends SettingName = never>(definition: {
  name: string
  needs?: Needs[]
  settings?: readonly Name[]
  isPass?: true
  run(context: Context & Pick<Known, Needs> & { config: Config<Name> }): Promise<Finding[]>
}): Check => ({ needs: [], settings: [], isPass: false, ...definition }) as Check
