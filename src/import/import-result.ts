/** What an import gets and returns. */
import type { Adjustments } from './adjustments.ts'
import type { ImportedFile } from './imports-table.ts'
import type { Rejected } from './report/count-rejected.ts'
import type { Summary } from './report/summary.ts'
import type { Absent, Snapshot } from './stage/absent.ts'
import type { MergeCounts } from './stage/merge.ts'
import type { RowRules } from './validate/validate-row.ts'

export interface ImportOptions {
  rules: RowRules
  dryRun: boolean
  /** Loads the valid rows although others are rejected. */
  keepGood: boolean
  /** The path of the reject file. */
  rejects?: string
  /** The files are the whole portfolio. */
  snapshot?: Snapshot
  /** The options of the command, for the record of the import. */
  recorded: Record<string, unknown>
  /** Called before a file is loaded whose content was loaded before. */
  onLoadedBefore(file: string, loadedAt: Date): void
}

export interface ImportResult {
  files: Required<ImportedFile>[]
  /** Of all files. */
  rows: number
  isLoaded: boolean
  rejected: Rejected
  /** Undefined when rejected rows prevented the merge. */
  counts?: MergeCounts
  /** Accounts of the tables that are not in the files. Undefined if there are no accounts in the files. */
  absent?: Absent
  /** Present with `counts`. */
  summary?: Summary
  additionalFields: string[]
  adjustments: Adjustments
}
