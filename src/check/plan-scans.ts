/** Finds the tables that a plan of Postgres reads without an index, and the expressions that an index would need. */

/** A node of EXPLAIN (format json, verbose). The last two members exist with ANALYZE only. */
export interface PlanNode {
  'Node Type': string
  Schema?: string
  'Relation Name'?: string
  Alias?: string
  'Index Cond'?: string
  /** The conditions of a Bitmap Heap Scan that its index has. */
  'Recheck Cond'?: string
  Filter?: string
  'Join Filter'?: string
  /** The query that postgres_fdw sends. */
  'Remote SQL'?: string
  Plans?: PlanNode[]
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
}

export interface Scan {
  schema: string
  name: string
  /** `full` reads the whole table, `foreign` the whole table of another server; `sent` is a condition that is sent there. */
  kind: 'full' | 'index' | 'foreign' | 'sent'
  /** The expressions that are compared with a value; empty when the plan does not show which index would help. */
  expressions: string[]
  /** Rows that were read and discarded. 0 without ANALYZE. */
  discarded: number
}

/** @param outerConditions the conditions of the nodes above */
export function scansOf(node: PlanNode, outerConditions: string[] = []): Scan[] {
  const conditions = [node.Filter, node['Join Filter'], ...outerConditions].filter(
    (text) => text !== undefined,
  )
  // Postgres has moved each condition below the grouping that it can.
  const innerConditions = GROUPING.includes(node['Node Type']) ? [] : conditions
  const inner = (node.Plans ?? []).flatMap((plan) => scansOf(plan, innerConditions))
  const { Schema: schema, 'Relation Name': name, Alias: alias = name } = node
  if (!schema || !name) return inner
  const expressionsOf = (text: string | undefined) => (text ? comparedExpressions(text, quoted(alias!)) : [])
  const filtered = conditions.map(expressionsOf).find(({ length }) => length > 0) ?? []
  const expressions = [
    ...new Set([...expressionsOf(node['Index Cond'] ?? node['Recheck Cond']), ...filtered]),
  ]
  const discarded = (node['Rows Removed by Filter'] ?? 0) * (node['Actual Loops'] ?? 1)
  return [{ schema, name, kind: kindOf(node), expressions, discarded }, ...inner]
}

const GROUPING = ['Aggregate', 'Group', 'WindowAgg', 'Unique', 'SetOp']

function kindOf(node: PlanNode): Scan['kind'] {
  const type = node['Node Type']
  if (type === 'Foreign Scan') {
    const remote = node['Remote SQL']
    // Other wrappers show no query. Postgres checks again what they do not send.
    const isSent = remote === undefined ? !node.Filter : /\bWHERE\b.*\$\d/s.test(remote)
    return isSent ? 'sent' : 'foreign'
  }
  const isFull = type === 'Seq Scan' || (/^Index (Only )?Scan$/.test(type) && !node['Index Cond'])
  return isFull ? 'full' : 'index'
}

const quoted = (name: string) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)

/** The expressions of one table that a condition compares with another value: `id` of `((a.id)::text = $1)`. */
function comparedExpressions(condition: string, alias: string): string[] {
  return split(condition, ' AND ').flatMap((part) => {
    const sides = split(part, ' = ')
    if (sides.length !== 2) return []
    const isOwn = (side: string) => side.includes(`${alias}.`)
    const [own, other] = isOwn(sides[0]!) ? sides : sides.toReversed()
    // Compared with a parameter, the result of a subquery or another table, not with a constant of the view.
    if (!isOwn(own!) || isOwn(other!) || !/\$\d|\w\.|(Init|Sub)Plan \d/.test(other!)) return []
    const expression = withoutParentheses(own!).replaceAll(`${alias}.`, '')
    return /^("[^"]+"|\w+)$/.test(expression) ? expression : `(${expression})`
  })
}

/** Splits outside of parentheses and quotes. */
function split(text: string, separator: string): string[] {
  const content = withoutParentheses(text)
  const parts: string[] = []
  let [depth, isQuoted, start] = [0, false, 0]
  for (let index = 0; index < content.length; index++) {
    if (content[index] === "'") isQuoted = !isQuoted
    if (isQuoted) continue
    if (content[index] === '(') depth += 1
    if (content[index] === ')') depth -= 1
    if (depth > 0 || !content.startsWith(separator, index)) continue
    parts.push(content.slice(start, index))
    start = index + separator.length
  }
  return [...parts, content.slice(start)]
}

/** Removes parentheses that enclose the whole text. */
function withoutParentheses(text: string): string {
  if (!text.startsWith('(')) return text
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '(') depth += 1
    if (text[index] === ')') depth -= 1
    if (depth === 0) return index === text.length - 1 ? withoutParentheses(text.slice(1, -1)) : text
  }
  return text
}
