/** Reads files, validates each row by itself, and sends the rows to the staging tables. */
import { UserFacingError } from '../user-facing-error.ts'
import type { Adjustments } from './adjustments.ts'
import type { ImportRow } from './import-row.ts'
import { requireColumns } from './map/layout.ts'
import type { ImportProgress } from './progress.ts'
import type { FileRecord } from './read/file-record.ts'
import { openFile } from './read/open-file.ts'
import type { ReadOptions, RowReader } from './read/read-options.ts'
import type { RejectFormat } from './read/reject-format.ts'
import { createRowReader } from './read/row-reader.ts'
import { messageOf } from './row-error.ts'
import { encodeFileLine } from './stage/file-line.ts'
import type { Staging } from './stage/staging.ts'
import { type RowRules, validateRow } from './validate/validate-row.ts'

export interface InputFile {
  /** `-` is standard input. */
  path: string
  /** For messages. */
  name: string
  read: ReadOptions
}

const MAX_ADDITIONAL_FIELDS = 20

interface StagedFile {
  columnNames: string[]
  sha256: string
  bytes: number
  rows: number
  rejectFormat: RejectFormat
  /** JSON fields without a column of their own, which went to additional_fields. */
  additionalFields: string[]
}

/**
 * @param keepRaw whether to keep the records as they are in the file, for a reject file
 * @throws {UserFacingError} {@link UsageError}
 */
export async function stageFiles(
  files: InputFile[],
  keepRaw: boolean,
  staging: Staging,
  adjustments: Adjustments,
  rules: RowRules,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<StagedFile[]> {
  const staged: StagedFile[] = []
  if (files.length > 1) adjustments.files = files.map(({ name }) => name)
  for (const [at, file] of files.entries()) {
    progress.startFile(file.name)
    adjustments.file = at
    staged.push(await stageFile(file, at, keepRaw, staging, adjustments, rules, progress, signal))
  }
  await staging.end()
  const sharedMap = files.find(({ read }) => read.isMapShared)?.read.map
  if (sharedMap) requireColumns(sharedMap, new Set(staged.flatMap(({ columnNames }) => columnNames)))
  return staged
}

async function stageFile(
  { path, read }: InputFile,
  fileIndex: number,
  keepRaw: boolean,
  staging: Staging,
  adjustments: Adjustments,
  rules: RowRules,
  progress: ImportProgress,
  signal: AbortSignal,
): Promise<StagedFile> {
  const opened = await openFile(path, signal)
  const additionalFields = new Set<string>()
  const rowsBefore = progress.rows
  progress.size = opened.size

  function onRow({ line, raw }: FileRecord, row: ImportRow) {
    progress.rows += 1
    const position = { record: progress.rows, line: encodeFileLine(fileIndex, line) }
    if (keepRaw) staging.keepRaw(position, raw)
    const valid = validateRow(row, rules)
    if (valid) {
      for (const { reason, fieldKind } of valid.omitted)
        adjustments.add('omitted', messageOf(reason, fieldKind), line, displayId(row))
      return staging.add(position, valid)
    }
    progress.rejected += 1
    staging.reject(position, displayId(row), row.errors)
  }
  const onAdditionalField = (name: string) => {
    if (additionalFields.size < MAX_ADDITIONAL_FIELDS) additionalFields.add(name)
  }

  let reader: RowReader | undefined
  let pending = ''
  for await (const chunk of opened.chunks) {
    progress.bytesRead = opened.bytesRead
    pending += chunk
    if (!reader && pending.trim() === '') continue
    const encoding = opened.isUtf16 ? 'utf-8' : read.encoding
    reader ??= createRowReader(
      pending,
      { ...read, ...(encoding && { encoding }) },
      { onRow, onAdditionalField, adjustments },
    )
    reader.write(pending)
    pending = ''
    await staging.flush()
  }
  if (!reader) throw new UserFacingError('The file is empty')
  reader.end()
  return {
    columnNames: reader.columnNames(),
    sha256: opened.sha256(),
    bytes: opened.bytesRead,
    rows: progress.rows - rowsBefore,
    rejectFormat: reader.rejectFormat(),
    additionalFields: [...additionalFields],
  }
}

/** An invalid id can be any value, such as a name in a shifted column. It is not shown. */
function displayId({ accounts, errors }: ImportRow) {
  const isInvalid = errors.some(({ field }) => field === 'debt_account.external_id')
  return isInvalid ? null : (accounts[0]?.values.external_id ?? null)
}
