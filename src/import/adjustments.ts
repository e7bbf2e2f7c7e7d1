import { decodeFileLine } from './stage/file-line.ts'

/**
 * What an import did not load as it is in the file, and is no reason to reject a row.
 *
 * | kind    | what                                                           |
 * |---------|----------------------------------------------------------------|
 * | omitted | a value of an optional field that Tratta would reject          |
 * | changed | a value that was read differently from what the file has       |
 * | skipped | a line that is no account                                      |
 */
export const ADJUSTED = ['omitted', 'changed', 'skipped'] as const
type Kind = (typeof ADJUSTED)[number]

export interface Adjustment {
  /** Contains no value of the file. */
  message: string
  count: number
  /** The first ones. */
  examples: { file?: string; line: number; external_id: string | null }[]
}

const MAX_EXAMPLES = 3

export class Adjustments {
  /** The line that is being read, for values that are changed. */
  line = 0
  /** The names of the files, if there are several. */
  files: string[] | undefined
  /** The index of the file that is being read. */
  file = 0
  readonly #kinds = {
    omitted: new Map<string, Adjustment>(),
    changed: new Map<string, Adjustment>(),
    skipped: new Map<string, Adjustment>(),
  }

  add(kind: Kind, message: string, line: number, externalId: string | null = null) {
    const known = this.#kinds[kind].get(message)
    if (known && known.examples.length === MAX_EXAMPLES) {
      known.count += 1
      return
    }
    const file = this.files?.[this.file]
    this.#add(kind, message, 1, [{ ...(file !== undefined && { file }), line, external_id: externalId }])
  }

  /** @param examples whose lines contain the index of their file */
  addStaged(
    kind: Kind,
    message: string,
    count: number,
    examples: { line: number; external_id: string | null }[],
  ) {
    const decoded = examples.map(({ line: staged, external_id }) => {
      const { file, line } = decodeFileLine(staged)
      return { ...(this.files && { file: this.files[file]! }), line, external_id }
    })
    if (count > 0) this.#add(kind, message, count, decoded)
  }

  #add(kind: Kind, message: string, count: number, examples: Adjustment['examples']) {
    let adjustment = this.#kinds[kind].get(message)
    if (!adjustment) {
      adjustment = { message, count: 0, examples: [] }
      this.#kinds[kind].set(message, adjustment)
    }
    adjustment.count += count
    const room = MAX_EXAMPLES - adjustment.examples.length
    if (room > 0) adjustment.examples.push(...examples.slice(0, room))
  }

  changed(message: string) {
    this.add('changed', message, this.line)
  }

  /** The most frequent ones first. */
  list(kind: Kind): Adjustment[] {
    return [...this.#kinds[kind].values()].sort(
      (one, other) => other.count - one.count || (one.message < other.message ? -1 : 1),
    )
  }
}
