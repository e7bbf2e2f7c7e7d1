/** The content of a map file: where the columns of CSV files go, and how their cells are converted. */
import { type Static, Type } from '@sinclair/typebox'
import { DATES } from '../read/read-date.ts'
import { MONEY } from '../read/read-money.ts'

const literals = <const Value extends string>(values: readonly Value[]) =>
  Type.Union(values.map((value) => Type.Literal(value)))

/** The descriptions complete "NAME …" in error messages. */
const TEXT = Type.String({ description: 'must be a text' })
const COLUMN = Type.String({ description: 'must be the name of one of our columns' })

const CONVERSIONS = {
  /** Cells that mean an empty cell, besides the general ones. */
  null_values: Type.Optional(Type.Array(TEXT, { description: 'must be a list of texts' })),
  /** The new text of each cell. */
  values: Type.Optional(Type.Record(Type.String(), TEXT, { description: 'must be an object of texts' })),
  /** The new text of a cell that `values` does not have. Without it, the cell is an invalid value. */
  default: Type.Optional(TEXT),
  /** `SAMPLE, ROBIN Q` becomes `Robin Q Sample`. */
  name: Type.Optional(Type.Literal('last-first', { description: 'must be "last-first"' })),
  dates: Type.Optional(
    Type.Unsafe<(typeof DATES)[number]>({
      ...literals(DATES),
      description: `must be one of ${DATES.join(', ')}`,
    }),
  ),
  money: Type.Optional(
    Type.Unsafe<(typeof MONEY)[number]>({
      ...literals(MONEY),
      description: `must be one of ${MONEY.join(', ')}`,
    }),
  ),
}

export const MappedColumn = Type.Object(
  { to: COLUMN, ...CONVERSIONS },
  { additionalProperties: false, description: 'must be one of our columns, null, or {"to": "our_column"}' },
)
export type MappedColumn = Static<typeof MappedColumn>

export const JoinedColumn = Type.Object(
  {
    columns: Type.Array(TEXT, { minItems: 1, description: 'must be a list of columns of the file' }),
    /** Between the cells that are not empty. The default is a blank. */
    separator: Type.Optional(TEXT),
    ...CONVERSIONS,
  },
  { additionalProperties: false, description: 'must be an object {"columns": ["First", "Last"]}' },
)
export type JoinedColumn = Static<typeof JoinedColumn>

/** The accounts with the same group number become children of one account. */
export const Parents = Type.Object(
  {
    column: TEXT,
    /** Group numbers that mean no group. */
    null_values: Type.Optional(Type.Array(TEXT, { description: 'must be a list of texts' })),
    /**
     * The parent is a new account with this prefix and the group number, and with balances of 0. Without it, the group
     * number is the external_id of the parent.
     */
    prefix: Type.Optional(Type.String({ minLength: 1, description: 'must be a text that is not empty' })),
  },
  { additionalProperties: false, description: 'must be an object {"column": "Group"}' },
)
export type Parents = Static<typeof Parents>

export interface ColumnMap {
  /** By the name in the file. A column with null is not read. */
  columns: Record<string, MappedColumn | null>
  /** By our name. */
  join: Record<string, JoinedColumn>
  /** By our name. */
  constants: Record<string, string>
  parents?: Parents
  /** @returns `FILE:LINE:COLUMN` of a JSON pointer */
  place(path: string): string
}

export const NO_MAP: ColumnMap = { columns: {}, join: {}, constants: {}, place: () => '' }

/** The columns of the file that the map names. */
export const namedColumns = (map: ColumnMap): string[] => [
  ...Object.keys(map.columns),
  ...Object.values(map.join).flatMap(({ columns }) => columns),
  ...(map.parents ? [map.parents.column] : []),
]

/** The columns of the file that the map puts in one of ours. */
export const sourcesOf = ({ columns, join }: ColumnMap, target: string): string[] => [
  ...Object.keys(columns).filter((name) => columns[name]?.to === target),
  ...(join[target]?.columns ?? []),
]
