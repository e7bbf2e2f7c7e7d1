/** Counts what an import did not load as it is in the file, and is no reason to reject a row. */

/**
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
  /** The file that is being read, if there are several. */
  file: string | undefined
  readonly #kinds = {
    omitted: new Map<string, Adjustment>(),
    changed: new Map<string, Adjustment>(),
    skipped: new Map<string, Adjustment>(),
  }

  add(kind: Kind, message: string, line: number, externalId: string | null = null, count = 1) {
    let adjustment = this.#kinds[kind].get(message)
    if (!adjustment) {
      adjustment = { message, count: 0, examples: [] }
      this.#kinds[kind].set(message, adjustment)
    }
    adjustment.count += count
    if (adjustment.examples.length < MAX_EXAMPLES)
      adjustment.examples.push({
        ...(this.file !== undefined && { file: this.file }),
        line,
        external_id: externalId,
      })
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
