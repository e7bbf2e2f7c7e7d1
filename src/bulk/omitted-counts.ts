import type { OmittedField } from '../payload/omit-invalid-fields.ts'

/** Omitted fields by what they are and must be, with external_ids of three customers. */
export type OmittedCounts = Record<string, { count: number; examples: string[] }>

const MAX_KINDS = 200
const EXAMPLES = 3

export function countOmitted(counts: OmittedCounts, customer: string, { kind, reason }: OmittedField) {
  const key = `${kind} ${reason}`
  if (!counts[key] && Object.keys(counts).length >= MAX_KINDS) return
  counts[key] ??= { count: 0, examples: [] }
  counts[key].count += 1
  if (counts[key].examples.length < EXAMPLES && !counts[key].examples.includes(customer))
    counts[key].examples.push(customer)
}
