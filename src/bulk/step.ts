/** Gathers what a push writes down at once. */
import type { OmittedField } from '../omit-invalid-fields.ts'
import type { OurRefusal } from './form-rows.ts'
import type { RowToSend, Step } from './requests.ts'
import type { OmittedCounts, Run } from './runs.ts'

const MAX_OMITTED_KINDS = 200
const EXAMPLES = 3

export function createStep(run: Run) {
  const omitted = run.omitted
  const empty = (position: string): Step => ({
    rows: [],
    refusals: [],
    isKnown: false,
    position,
    customers: 0,
    withoutAccounts: 0,
    omitted,
  })
  const gathering = {
    step: empty(run.position),
    bytes: 0,
    get unwritten() {
      return gathering.step.customers + gathering.step.refusals.length
    },
    add(row: RowToSend, bytes: number, isKnown: boolean) {
      gathering.step.rows.push(row)
      gathering.step.isKnown ||= isKnown
      gathering.bytes += bytes
    },
    /** The customer is done with: the next push goes on behind it. */
    finish(
      customer: string,
      refusals: OurRefusal[],
      left: { customer: string; omitted: OmittedField }[],
      isEmpty: boolean,
    ) {
      const { step } = gathering
      step.refusals.push(...refusals)
      step.customers += 1
      if (isEmpty) step.withoutAccounts += 1
      if (run.kind === 'all') step.position = customer
      for (const { customer, omitted: one } of left) countOmitted(omitted, customer, one)
    },
    next() {
      gathering.step = empty(gathering.step.position)
      gathering.bytes = 0
    },
  }
  return gathering
}

export function countOmitted(counts: OmittedCounts, customer: string, { kind, reason }: OmittedField) {
  const key = `${kind} ${reason}`
  if (!counts[key] && Object.keys(counts).length >= MAX_OMITTED_KINDS) return
  counts[key] ??= { count: 0, examples: [] }
  counts[key].count += 1
  if (counts[key].examples.length < EXAMPLES && !counts[key].examples.includes(customer))
    counts[key].examples.push(customer)
}
