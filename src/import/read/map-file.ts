import { readFileSync } from 'node:fs'
import { isObject } from '../../json.ts'
import { ReadOptionsError } from '../errors.ts'

/** From the column names of a file to ours. Columns with null are not read. */
export type ColumnMap = Record<string, string | null>

/** @throws {ReadOptionsError} */
export function readMapFile(path: string): ColumnMap {
  try {
    const map: unknown = JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/, ''))
    if (isColumnMap(map)) return map
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code) throw new ReadOptionsError(`${path} cannot be read (${code})`)
  }
  throw new ReadOptionsError(`${path} must be a JSON object, {"Their column": "our_column", "Another": null}`)
}

const isColumnMap = (map: unknown): map is ColumnMap =>
  isObject(map) && Object.values(map).every((name) => name === null || typeof name === 'string')
