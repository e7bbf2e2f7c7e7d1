/** Parses JSON and keeps where each value is, so that errors of a file can name line and column. */
import { JsonSyntaxError } from '../../payload/exact-json.ts'

export interface PositionedJson {
  value: unknown
  /** By JSON pointer (`/columns/Name`): the index of a key, or of an element of an array. */
  positions: Map<string, number>
}

const TOKEN = /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\\n]|\\.)*"|-?\d[\d.eE+-]*|true|false|null))/y

export const pointer = (...keys: string[]) =>
  keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** @throws {JsonSyntaxError} with `at` */
export function parseWithPositions(text: string): PositionedJson {
  const positions = new Map<string, number>()
  let end = 0

  /** @returns a punctuation mark, or the text of a value */
  function next(): { mark?: string; literal?: string; at: number } {
    TOKEN.lastIndex = end
    const match = TOKEN.exec(text)
    const [all, mark, literal] = match ?? []
    if (all === undefined) throw new JsonSyntaxError(end + (/^\s*/.exec(text.slice(end))?.[0].length ?? 0))
    end = TOKEN.lastIndex
    const at = end - (mark ?? literal)!.length
    return mark === undefined ? { literal: literal!, at } : { mark, at }
  }

  function parseLiteral(literal: string, at: number): unknown {
    try {
      return JSON.parse(literal)
    } catch {
      throw new JsonSyntaxError(at)
    }
  }

  function valueFrom({ mark, literal, at }: ReturnType<typeof next>, path: string): unknown {
    if (literal !== undefined) return parseLiteral(literal, at)
    if (mark === '{') return objectAt(path)
    if (mark === '[') return arrayAt(path)
    throw new JsonSyntaxError(at)
  }

  function objectAt(path: string) {
    const entries: [string, unknown][] = []
    for (let token = next(); token.mark !== '}' || entries.length > 0; token = next()) {
      if (!token.literal?.startsWith('"')) throw new JsonSyntaxError(token.at)
      const key = String(parseLiteral(token.literal, token.at))
      const child = path + pointer(key)
      if (positions.has(child)) throw new JsonSyntaxError(token.at)
      positions.set(child, token.at)
      const colon = next()
      if (colon.mark !== ':') throw new JsonSyntaxError(colon.at)
      entries.push([key, valueFrom(next(), child)])
      const after = next()
      if (after.mark === '}') break
      if (after.mark !== ',') throw new JsonSyntaxError(after.at)
    }
    return Object.fromEntries(entries)
  }

  function arrayAt(path: string) {
    const items: unknown[] = []
    for (let token = next(); token.mark !== ']' || items.length > 0; token = next()) {
      const child = `${path}/${items.length}`
      positions.set(child, token.at)
      items.push(valueFrom(token, child))
      const after = next()
      if (after.mark === ']') break
      if (after.mark !== ',') throw new JsonSyntaxError(after.at)
    }
    return items
  }

  const value = valueFrom(next(), '')
  if (text.slice(end).trim() !== '') throw new JsonSyntaxError(end)
  return { value, positions }
}

/** @returns `LINE:COLUMN`, both from 1 */
export function lineAndColumn(text: string, at: number) {
  const before = text.slice(0, at)
  return `${before.split('\n').length}:${at - before.lastIndexOf('\n')}`
}
