/**
 * Chooses the accounts of a sample: for each optional field and each special case a few accounts that have it, the others
 * at random over the range of the keys. The relations can be slow views, so that no statement needs more than a few rows of
 * an index, and a statement that takes longer is canceled.
 */
import { type RawBuilder, sql } from 'kysely'
import pg from 'pg'
import { aliasesOf, type Column, compilerFor, read } from '../database/column-sql.ts'
import { COLUMNS, type RelationName } from '../database/columns.ts'
import { areSame } from '../database/identifier-sql.ts'
import type { Relations } from '../database/relations.ts'
import { randomNumbers, randomTexts, randomUuids } from './random-keys.ts'

export interface SampledAccount {
  externalId: string
  /** Names of fields (`customer.email`), and special cases. Empty: chosen at random. */
  traits: string[]
}

interface Selection {
  accounts: SampledAccount[]
  /** Traits for which no account was found in time. */
  unreadable: string[]
}

/** The time limit of all traits. Later ones are not searched. */
const TRAITS_MS = 20_000
const ROUNDS = 12
const UNSORTED_FACTOR = 20

/** @param pool with a statement_timeout of a few seconds */
export async function selectAccounts(
  pool: pg.Pool,
  relations: Relations,
  size: number,
  random: () => number = Math.random,
): Promise<Selection> {
  const statements = createStatements(relations)
  const chosen = new Map<string, string[]>()
  const unreadable: string[] = []
  const add = (ids: string[], trait?: string) => {
    for (const id of ids) {
      const traits = chosen.get(id) ?? []
      if (trait && !traits.includes(trait)) traits.push(trait)
      if (chosen.has(id) || chosen.size < size) chosen.set(id, traits)
    }
  }
  const idsOf = (text: string, values: unknown[]) => queryIds(pool, text, values)

  const perTrait = Math.max(1, Math.floor(size / (statements.traits.length * 4)))
  const until = performance.now() + TRAITS_MS
  for (const [trait, text] of statements.traits) {
    const ids = performance.now() < until ? await idsOf(text, [perTrait]) : undefined
    if (ids) add(ids, trait)
    else unreadable.push(trait)
  }
  await fillAtRandom()
  return {
    accounts: [...chosen].map(([externalId, traits]) => ({ externalId, traits })),
    unreadable,
  }

  async function fillAtRandom() {
    const first = await idsOf(statements.first, [1])
    const last = await idsOf(statements.last, [1])
    const known = [...(first ?? []), ...(last ?? [])]
    for (let round = 0; known.length === 2 && chosen.size < size && round < ROUNDS; round++) {
      const missing = size - chosen.size
      // A few keys first: if the view has no index, each key costs a pass over the view.
      const count = round === 0 ? Math.min(5, missing) : missing
      const keys = statements.randomKeys([...known, ...chosen.keys()], count, random)
      const ids = await idsOf(statements.atKeys, [keys, 2 ** Math.max(0, round - 3)])
      if (!ids) break
      add(ids)
    }
    if (chosen.size >= size) return
    const rest = (await idsOf(statements.others, [[...chosen.keys()], size])) ?? []
    if (rest.length > 0) return add(rest)
    // Sorting is too slow.
    const unsorted = (await idsOf(statements.unsorted, [size * UNSORTED_FACTOR])) ?? []
    add(shuffled(unsorted, random))
  }
}

/** @returns undefined if the statement is canceled, or a row cannot be read */
async function queryIds(pool: pg.Pool, text: string, values: unknown[]): Promise<string[] | undefined> {
  try {
    const { rows } = await pool.query<{ external_id: string | null }>(text, values)
    return rows.flatMap(({ external_id }) => external_id ?? [])
  } catch (error) {
    const isOfRow = error instanceof pg.DatabaseError && /^(21|22|P0)|^57014$/.test(error.code ?? '')
    if (!isOfRow) throw error
    return undefined
  }
}

function shuffled(ids: string[], random: () => number): string[] {
  return ids
    .map((id) => ({ id, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ id }) => id)
}

const CASTS: Record<string, RawBuilder<unknown>> = {
  int2: sql`::bigint`,
  int4: sql`::bigint`,
  int8: sql`::bigint`,
  numeric: sql`::numeric`,
  uuid: sql`::uuid`,
}

function createStatements(relations: Relations) {
  const db = compilerFor(relations)
  const { account, child, customer, location } = aliasesOf(relations)
  const from = (relation: RelationName, alias: string) =>
    sql`${sql.id(relations.schema, relation)} as ${sql.ref(alias)}`
  const accounts = from('debt_accounts', 'account')
  const id = account('external_id')
  const externalId = sql`select ${read(id)} as external_id`
  const compile = (statement: RawBuilder<unknown>) => statement.compile(db).sql
  const has = (relation: RelationName, column: string) => relations.columns[relation].has(column)
  const limited = (rest: RawBuilder<unknown>) => compile(sql`${externalId} from ${rest} limit $1`)
  const cents = (column: Column) => sql`(${column.reference})::numeric`

  const traits: [trait: string, text: string][] = []
  const addTrait = (trait: string, rest: RawBuilder<unknown>) => traits.push([trait, limited(rest)])
  if (has('debt_accounts', 'parent_external_id')) {
    const link = areSame(child('parent_external_id'), id)
    const isChild = sql`${child('parent_external_id').reference} is not null`
    addTrait(
      'has children',
      sql`${from('debt_accounts', 'child')} join ${accounts} on ${link} where ${isChild}`,
    )
    addTrait('is a child', sql`${accounts} where ${account('parent_external_id').reference} is not null`)
  }
  if (has('debt_accounts', 'customer_external_id')) {
    const key = account('customer_external_id').reference
    addTrait('has a customer', sql`${accounts} where ${key} is not null`)
    addTrait('has no customer', sql`${accounts} where ${key} is null`)
  }
  const owed = account(has('debt_accounts', 'current_balance') ? 'current_balance' : 'balance')
  addTrait('balance 0', sql`${accounts} where ${cents(owed)} = 0`)
  addTrait('balance below 0', sql`${accounts} where ${cents(owed)} < 0`)
  addTrait('largest', sql`${accounts} order by ${account('balance').reference} desc nulls last`)
  addTrait('newest', sql`${accounts} order by ${id.reference} desc`)
  for (const column of optional('debt_accounts', relations))
    addTrait(`debt_account.${column}`, sql`${accounts} where ${sql.ref(`account.${column}`)} is not null`)
  for (const [relation, alias, owner, reference] of [
    ['customers', 'customer', customer('external_id'), account('customer_external_id')],
    ['locations', 'location', location('external_id'), account('location_external_id')],
  ] as const) {
    if (!reference.type || !owner.type) continue
    for (const column of optional(relation, relations))
      addTrait(
        `${alias}.${column}`,
        sql`${from(relation, alias)} join ${accounts} on ${areSame(reference, owner)}
          where ${sql.ref(`${alias}.${column}`)} is not null`,
      )
  }

  const type = id.type?.name ?? 'text'
  const isNumber = ['int2', 'int4', 'int8', 'numeric'].includes(type)
  return {
    traits,
    randomKeys: isNumber ? randomNumbers : type === 'uuid' ? randomUuids : randomTexts,
    first: limited(sql`${accounts} where ${id.reference} is not null order by ${id.reference}`),
    last: limited(sql`${accounts} where ${id.reference} is not null order by ${id.reference} desc`),
    atKeys: compile(sql`select found.external_id from unnest($1::text[]) as key, lateral (
      ${externalId} from ${accounts} where ${id.reference} >= key${CASTS[type] ?? sql``}
      order by ${id.reference} limit $2) as found`),
    others: compile(sql`${externalId} from ${accounts} where ${read(id)} <> all ($1::text[])
      order by ${id.reference} limit $2`),
    unsorted: limited(accounts),
  }
}

/** The columns that exist, and that an account or its owner need not have. */
function optional(relation: RelationName, relations: Relations): string[] {
  const others = [
    'external_id',
    'parent_external_id',
    'customer_external_id',
    'name',
    'balance',
    'current_balance',
  ]
  return Object.keys(COLUMNS[relation]).filter(
    (column) => relations.columns[relation].has(column) && !others.includes(column),
  )
}
