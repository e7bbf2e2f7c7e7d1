/**
 * The accounts of the tables that are not in the files. With --snapshot the files are the whole portfolio: an absent
 * account is closed.
 *
 * An absent account with current_balance 0 was closed before and does not count. Tratta shows the sum of the children
 * as the balance of their parent, so a parent whose balance is the sum of its children's gets the sum of their
 * current_balance.
 */
import type pg from 'pg'
import { UserFacingError } from '../../user-facing-error.ts'
import { presentBit } from './copy-encoding.ts'

export const ABSENT = ['zero', 'delete'] as const

export interface Snapshot {
  /** zero: current_balance becomes 0. */
  absent: (typeof ABSENT)[number]
  /** The largest share of accounts that may be absent. */
  maxPercent: number
}

/** Rows of debt_accounts, with the first ids. */
interface Accounts {
  count: number
  external_ids: string[]
}

export interface Absent {
  /** none: absent accounts do not change. */
  action: Snapshot['absent'] | 'none'
  /** Absent accounts whose current_balance is not 0; with `delete` all that are deleted. */
  accounts: Accounts
  /** Absent accounts with current_balance 0, which do not change. */
  closed: number
  /** The accounts of which `accounts` is a share: those that are not at 0; with `delete` all. */
  total: number
  /** Parents that get the sum of their children. */
  parents: Accounts
  isRefused: boolean
}

const MAX_IDS = 1000
const NO_ACCOUNTS: Accounts = { count: 0, external_ids: [] }
const IS_OPEN = 'current_balance is distinct from 0'

/**
 * Counts absent accounts for an import without --snapshot. Accounts of rejected rows are not absent.
 * @returns undefined if the files have no accounts
 */
export async function countAbsent(client: pg.Client): Promise<Absent | undefined> {
  if (!(await hasAccounts(client))) return undefined
  const { rows } = await client.query<{ open: number; closed: number; total: number }>(
    `select count(*) filter (where is_absent and ${IS_OPEN})::int as open,
       count(*) filter (where is_absent and current_balance = 0)::int as closed,
       count(*) filter (where ${IS_OPEN})::int as total
     from (
       select t.current_balance, s.external_id is null and r.external_id is null as is_absent
       from tratta_jit.debt_accounts t
       left join staged_debt_accounts s on s.external_id = t.external_id
       left join (select distinct external_id from rejected) r on r.external_id = t.external_id) as accounts`,
  )
  const { open, closed, total } = rows[0]!
  return {
    action: 'none',
    accounts: { count: open, external_ids: [] },
    closed,
    total,
    parents: NO_ACCOUNTS,
    isRefused: false,
  }
}

/**
 * Finds out before the merge what `applySnapshot` changes after it.
 * @throws {UserFacingError} if the files have no accounts
 */
export async function planSnapshot(client: pg.Client, { absent, maxPercent }: Snapshot): Promise<Absent> {
  if (!(await hasAccounts(client)))
    throw new UserFacingError('--snapshot needs the whole portfolio, and the files have no accounts')
  await createMerged(client)
  const plan = absent === 'zero' ? await planZero(client) : await planDelete(client)
  const isRefused = plan.accounts.count * 100 > maxPercent * plan.total
  return { action: absent, ...plan, isRefused }
}

/** Changes the absent accounts and their parents, after the merge. */
export async function applySnapshot(client: pg.Client) {
  await client.query(
    `delete from tratta_jit.debt_accounts t using merged m where m.external_id = t.external_id and m.is_deleted`,
  )
  await client.query(
    `update tratta_jit.debt_accounts t set current_balance = m.current_balance from merged m
     where m.external_id = t.external_id and m.current_balance is distinct from m.before`,
  )
}

async function hasAccounts(client: pg.Client) {
  const { rows } = await client.query<{ found: boolean }>(
    `select exists (select from staged_debt_accounts)
       or exists (select from rejected where external_id is not null) as found`,
  )
  return rows[0]!.found
}

/** All accounts as the merge leaves them. `before` is their current_balance then. */
async function createMerged(client: pg.Client) {
  const merged = (column: string) =>
    `case when s.present & ${presentBit('debt_accounts', column)} <> 0 then s.${column} else t.${column} end`
  await client.query(
    `create temporary table merged on commit drop as
       select coalesce(s.external_id, t.external_id)::text collate "C" as external_id,
         (${merged('parent_external_id')})::text collate "C" as parent_external_id,
         (${merged('balance')})::bigint as balance,
         (${merged('current_balance')})::bigint as current_balance,
         (${merged('current_balance')})::bigint as before,
         t.external_id is not null as is_stored,
         t.current_balance is distinct from 0 as was_open,
         s.external_id is null as is_absent,
         false as is_deleted
       from tratta_jit.debt_accounts t full join staged_debt_accounts s on s.external_id = t.external_id`,
  )
  await client.query('analyze merged')
}

type Plan = Omit<Absent, 'action' | 'isRefused'>

async function planZero(client: pg.Client): Promise<Plan> {
  await client.query(`update merged set current_balance = 0 where is_absent and ${IS_OPEN}`)
  await sumChildren(client)
  const isClosed = 'is_absent and current_balance = 0'
  return {
    accounts: await accountsWhere(client, `${isClosed} and before is distinct from 0`),
    closed: await count(client, `${isClosed} and before = 0`),
    total: await count(client, 'is_stored and was_open'),
    parents: await accountsWhere(client, `current_balance is distinct from before and not (${isClosed})`),
  }
}

/** Parents of parents follow in the next step. Other writers can have stored a cycle, so the number of steps is limited. */
async function sumChildren(client: pg.Client) {
  const MAX_STEPS = 10
  for (let step = 0; step < MAX_STEPS; step++) {
    const { rowCount } = await client.query(
      `update merged p set current_balance = c.current_balance
       from (
         select parent_external_id, sum(balance) as balance,
           sum(coalesce(current_balance, balance)) as current_balance
         from merged where parent_external_id in (
           select external_id from merged where is_absent union
           select parent_external_id from merged where current_balance is distinct from before or is_absent)
         group by parent_external_id) as c
       where p.external_id = c.parent_external_id and p.balance = c.balance
         and p.current_balance is distinct from c.current_balance`,
    )
    if (rowCount === 0) return
  }
}

/** A parent that an account in the files names is not deleted, and neither are the parents of that parent. */
async function planDelete(client: pg.Client): Promise<Plan> {
  await client.query(
    `with recursive kept (external_id) as (
       select parent_external_id from merged where not is_absent and parent_external_id is not null union
       select m.parent_external_id from merged m join kept on kept.external_id = m.external_id
       where m.parent_external_id is not null)
     update merged m set is_deleted = true
     where is_absent and not exists (select from kept where kept.external_id = m.external_id)`,
  )
  return {
    accounts: await accountsWhere(client, 'is_deleted'),
    closed: 0,
    total: await count(client, 'is_stored'),
    parents: NO_ACCOUNTS,
  }
}

async function count(client: pg.Client, condition: string) {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from merged where ${condition}`,
  )
  return rows[0]!.count
}

async function accountsWhere(client: pg.Client, condition: string): Promise<Accounts> {
  const { rows } = await client.query<{ external_id: string }>(
    `select external_id from merged where ${condition} order by external_id limit ${MAX_IDS}`,
  )
  return {
    count: rows.length < MAX_IDS ? rows.length : await count(client, condition),
    external_ids: rows.map(({ external_id }) => external_id),
  }
}
