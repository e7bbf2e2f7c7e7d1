/** What a check is, what it finds, and what checks hand on to those behind them. */
import type pg from 'pg'
import type { DryRun } from '../bulk/dry-run.ts'
import type { Config, SettingName, SettingProblem } from '../config.ts'
import type { Relations } from '../database/relations.ts'

export type State = 'ok' | 'warning' | 'failure' | 'skipped'

export interface Finding {
  state: State
  /** What was seen, in a sentence. Names, numbers and external ids; no other value, no secret. */
  said: string
  /** What to do about it. */
  todo?: string
  /** Of rows. */
  count?: number
  /** external_ids of three of them. */
  examples?: string[]
}

export const ok = (said: string): Finding => ({ state: 'ok', said })
export const warning = (said: string, todo: string): Finding => ({ state: 'warning', said, todo })
export const failure = (said: string, todo: string): Finding => ({ state: 'failure', said, todo })

/** What one check finds out and others need. */
interface Known {
  /** Postgres answers. */
  pool: pg.Pool
  /** They hold what the lookup needs. */
  relations: Relations
  /** Their rows may be read. */
  readable: true
  /** What a pass over all customers found. */
  pass: DryRun
}

export interface Context extends Partial<Known> {
  /** The settings that are right. */
  config: Partial<Config>
  problems: SettingProblem[]
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
