/** Invented customers, and a simulated Tratta that differs from its pages. */
import type { Test } from 'tap'
import { expectAgreement } from './expect-agreement.ts'
import { ACCOUNTS, PERSONAL, seedPeople } from './seed-people.ts'
import { startBulk } from './start-bulk.ts'
import type { Variation } from './start-tratta.ts'
import { storedAccounts } from './stored-accounts.ts'

export async function startReading(t: Test, variation: Variation, prefix?: string) {
  const started = await startBulk(t, variation)
  const { database, tratta, bulk } = started
  await seedPeople(database, prefix)
  return {
    ...started,
    /** Compares what is stored with what Tratta has. @returns what is stored */
    async compare() {
      const stored = await storedAccounts(database)
      expectAgreement(t, tratta, stored)
      const [status] = (await bulk('status --json')).lines
      const { accounts } = status as { accounts: Record<string, number> }
      const { to_send = 0, sent = 0, accepted = 0, rejected = 0, unknown = 0 } = accounts
      t.equal(to_send + sent + accepted + rejected + unknown, ACCOUNTS, 'the sum is every account')
      const reasons = JSON.stringify(
        await database.query(
          'select reasons, last_error from tratta_jit.bulk_rejections full join tratta_jit.bulk_requests using (request)',
        ),
      )
      t.notMatch(reasons, PERSONAL, 'no personal value is stored')
      return { ...stored, status }
    },
  }
}
