/** Finds the tables that a plan of Postgres reads completely, and suggests an index. */

/** A node of EXPLAIN (format json, verbose). */
export interface PlanNode {
  'Node Type': string
  Schema?: string
  'Relation Name'?: string
  Alias?: string
  'Index Cond'?: string
  Filter?: string
  'Join Filter'?: string
  Plans?: PlanNode[]
}

export interface FullTableScan {
  /** `schema.table`, quoted if necessary. */
  table: string
  schema: string
  name: string
  /** Undefined when the plan does not show which index would help. */
  createIndex: string | undefined
}

/** @param outerConditions the conditions of the nodes above */
export function findFullTableScans(node: PlanNode, outerConditions: string[] = []): FullTableScan[] {
  const conditions = [node.Filter, node['Join Filter'], ...outerConditions].filter(
    (text) => text !== undefined,
  )
  const inner = (node.Plans ?? []).flatMap((plan) => findFullTableScans(plan, conditions))
  const { Schema: schema, 'Relation Name': relation, Alias: alias = relation } = node
  if (!schema || !relation || !isFullScan(node)) return inner
  const table = `${quoted(schema)}.${quoted(relation)}`
  const [expression] = conditions.flatMap((text) => comparedExpressions(text, quoted(alias!)))
  return [
    { table, schema, name: relation, createIndex: expression && `create index on ${table} (${expression})` },
    ...inner,
  ]
}

const isFullScan = (node: PlanNode) =>
  node['Node Type'] === 'Seq Scan' || (/^Index (Only )?Scan$/.test(node['Node Type']) && !node['Index Cond'])

const quoted = (name: string) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)

/** The expressions of one table that a condition compares with another value: `id` of `((a.id)::text = $1)`. */
function comparedExpressions(condition: string, alias: string): string[] {
  return split(condition, ' AND ').flatMap((part) => {
    const sides = split(part, ' = ')
    if (sides.length !== 2) return []
    const isOwn = (side: string) => side.includes(`${alias}.`)
    const [own, other] = isOwn(sides[0]!) ? sides : sides.toReversed()
    // Compared with a parameter or with another table, not with a constant of the view.
    if (!isOwn(own!) || isOwn(other!) || !/\$\d|\w\./.test(other!)) return []
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
