/** Reads a plan of Postgres: which tables are read whole, and which index would help. */

/** Of EXPLAIN (format json, verbose). */
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

export interface WholeRead {
  /** `schema.table`, quoted where need be. */
  table: string
  schema: string
  name: string
  /** Undefined where it cannot be told from the plan. */
  createIndex: string | undefined
}

/** Tables that are read from their first row to their last. */
export function wholeReads(node: PlanNode, above: string[] = []): WholeRead[] {
  const conditions = [node.Filter, node['Join Filter'], ...above].filter((text) => text !== undefined)
  const below = (node.Plans ?? []).flatMap((plan) => wholeReads(plan, conditions))
  const { Schema: schema, 'Relation Name': relation, Alias: alias = relation } = node
  if (!schema || !relation || !isWhole(node)) return below
  const table = `${quoted(schema)}.${quoted(relation)}`
  const [expression] = conditions.flatMap((text) => comparedOf(text, quoted(alias!)))
  return [
    { table, schema, name: relation, createIndex: expression && `create index on ${table} (${expression})` },
    ...below,
  ]
}

const isWhole = (node: PlanNode) =>
  node['Node Type'] === 'Seq Scan' || (/^Index (Only )?Scan$/.test(node['Node Type']) && !node['Index Cond'])

const quoted = (name: string) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)

/** What a condition compares of one table with something else: `a.id` of `((a.id)::text = $1)`. */
function comparedOf(condition: string, alias: string): string[] {
  return split(condition, ' AND ').flatMap((part) => {
    const sides = split(part, ' = ')
    if (sides.length !== 2) return []
    const isOwn = (side: string) => side.includes(`${alias}.`)
    const [own, other] = isOwn(sides[0]!) ? sides : sides.toReversed()
    // Compared with what is asked for, or with another table; not with a constant of the view.
    if (!isOwn(own!) || isOwn(other!) || !/\$\d|\w\./.test(other!)) return []
    const expression = unwrapped(own!).replaceAll(`${alias}.`, '')
    return /^("[^"]+"|\w+)$/.test(expression) ? expression : `(${expression})`
  })
}

/** Splits where no parenthesis and no quote is open. */
function split(text: string, by: string): string[] {
  const whole = unwrapped(text)
  const parts: string[] = []
  let [depth, isQuoted, from] = [0, false, 0]
  for (let at = 0; at < whole.length; at++) {
    if (whole[at] === "'") isQuoted = !isQuoted
    if (isQuoted) continue
    if (whole[at] === '(') depth += 1
    if (whole[at] === ')') depth -= 1
    if (depth > 0 || !whole.startsWith(by, at)) continue
    parts.push(whole.slice(from, at))
    from = at + by.length
  }
  return [...parts, whole.slice(from)]
}

/** Without the parentheses around all of it. */
function unwrapped(text: string): string {
  if (!text.startsWith('(')) return text
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth += 1
    if (text[at] === ')') depth -= 1
    if (depth === 0) return at === text.length - 1 ? unwrapped(text.slice(1, -1)) : text
  }
  return text
}
