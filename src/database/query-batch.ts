/**
 * Executions of one statement that share one Sync message of Postgres's extended query protocol, and so one
 * network write and one transaction. Reads only: an error rolls back nothing that matters.
 */
import pg from 'pg'

export interface Query {
  /** The name of the prepared statement; absent when those cannot be used. */
  name?: string
  text: string
}

interface BatchItem {
  values: string[]
  /** Called once for each item that Postgres answered, with its rows. */
  onRows(rows: pg.QueryResultRow[]): void
}

/** What pg calls on a query object (`Submittable`), and the parts of its messages that are used here. */
interface Field {
  name: string
  dataTypeID: number
}

/** The methods of pg's Connection, with the arguments that pg-protocol reads. */
interface Connection {
  stream: { cork(): void; uncork(): void }
  parsedStatements: Record<string, string>
  parse(message: { name: string; text: string }): void
  bind(message: { statement: string; values: string[] }): void
  describe(message: { type: 'P' }): void
  execute(message: object): void
  sync(): void
}

/** Submit it by `client.query(batch)`. It ends with one call of `onEnd`. */
export class QueryBatch implements pg.Submittable {
  readonly name: string
  readonly text: string
  readonly #items: BatchItem[]
  readonly #onEnd: (error?: Error) => void
  #answered = 0
  #rows: pg.QueryResultRow[] = []
  #columns: { name: string; parse: (text: string) => unknown }[] = []

  /**
   * @param onEnd gets the error of the first item without an answer. Postgres then has executed none of the
   *   items after it.
   */
  constructor({ name = '', text }: Query, items: BatchItem[], onEnd: (error?: Error) => void) {
    this.name = name
    this.text = text
    this.#items = items
    this.#onEnd = onEnd
  }

  submit(client: pg.Connection) {
    const connection = client as unknown as Connection
    const { name, text } = this
    connection.stream.cork()
    if (name === '' || connection.parsedStatements[name] !== text) connection.parse({ name, text })
    for (const [at, { values }] of this.#items.entries()) {
      connection.bind({ statement: name, values })
      // All items have the same columns.
      if (at === 0) connection.describe({ type: 'P' })
      connection.execute({})
    }
    connection.sync()
    connection.stream.uncork()
  }

  handleRowDescription({ fields }: { fields: Field[] }) {
    this.#columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: pg.types.getTypeParser(dataTypeID),
    }))
  }

  handleDataRow({ fields }: { fields: (string | null)[] }) {
    const row: pg.QueryResultRow = {}
    for (const [at, { name, parse }] of this.#columns.entries()) {
      const text = fields[at] ?? null
      row[name] = text === null ? null : parse(text)
    }
    this.#rows.push(row)
  }

  handleCommandComplete() {
    const rows = this.#rows
    this.#rows = []
    this.#items[this.#answered++]!.onRows(rows)
  }

  handleReadyForQuery() {
    this.#onEnd()
  }

  handleError(error: Error) {
    this.#onEnd(error)
  }
}
