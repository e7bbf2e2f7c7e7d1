/**
 * The file of `--save`: one JSON line for each exchange, to attach to a bug report. It has field names, statuses,
 * header names, made-up ids and the types and lengths of all other values.
 */
import { appendFileSync, openSync } from 'node:fs'
import { isObject } from '../json.ts'
import { UserFacingError } from '../user-facing-error.ts'
import { VERSION } from '../version.ts'
import type { RecordExchange } from './exchanges.ts'
import type { MadeUpData } from './made-up-data.ts'

const MAX_ELEMENTS = 20
const FIELD = /^[A-Za-z_][\w.-]{0,80}$|^\d{1,4}$/
const HEADER = /^[a-z][a-z0-9-]{0,60}$/

/** @throws {UserFacingError} if the file exists or cannot be created */
export function createSaveFile(
  file: string,
  data: MadeUpData,
): { record: RecordExchange; experiment(name: string): void } {
  let current = ''
  const descriptor = open(file)
  const write = (line: object) => appendFileSync(descriptor, `${JSON.stringify(line)}\n`)
  write({ program: 'tratta-jit', version: VERSION })
  const shape = (value: unknown, name = ''): unknown => {
    if (typeof value === 'string') {
      if (data.isOurs(value) || (name === 'status' && /^[a-z_]{1,20}$/.test(value))) return value
      return `string of ${value.length}`
    }
    if (Array.isArray(value))
      return [
        ...value.slice(0, MAX_ELEMENTS).map((one) => shape(one, name)),
        ...(value.length > MAX_ELEMENTS ? [`${value.length} elements`] : []),
      ]
    if (!isObject(value)) return value === null || typeof value === 'boolean' ? value : typeof value
    return Object.fromEntries(
      Object.entries(value).map(([key, more]) => [
        FIELD.test(key) || data.isOurs(key) ? key : '*',
        shape(more, key),
      ]),
    )
  }
  return {
    experiment(name) {
      current = name
    },
    record({ method, path, body }, { status, body: answer, error, ms }, headers) {
      write({
        experiment: current,
        request: { method, path, ...(body !== undefined && { body: shape(body) }) },
        answer: {
          status: status ?? null,
          ...(error?.code && { error: error.code }),
          headers: headers.filter((header) => HEADER.test(header)),
          body: answer === undefined ? null : shape(answer),
        },
        ms,
      })
    },
  }
}

function open(file: string): number {
  try {
    return openSync(file, 'wx', 0o600)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UserFacingError(code === 'EEXIST' ? `${file} exists` : `${file} cannot be created (${code})`, {
      remedy: 'Name a new file for --save',
      exitCode: 2,
    })
  }
}
