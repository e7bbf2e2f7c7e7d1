import type { Test } from 'tap'
import type { Tratta } from './start-tratta.ts'

/** What is stored as accepted is at Tratta, and what is stored as rejected is not. */
export function expectAgreement(
  t: Test,
  tratta: Tratta,
  { accepted, rejected }: { accepted: string[]; rejected: string[] },
) {
  const held = new Set(tratta.accounts())
  t.same(
    accepted.filter((id) => !held.has(id)),
    [],
    'Tratta has all accepted accounts',
  )
  t.same(
    rejected.filter((id) => held.has(id)),
    [],
    'Tratta has no rejected account',
  )
}
