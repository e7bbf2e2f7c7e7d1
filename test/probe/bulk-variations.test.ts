/** How Tratta can differ in Bulk, each with a push afterwards. */
import t from 'tap'
import type { Variation } from '../bulk/start-tratta.ts'
import { type Expected, runVariation } from './run-variation.ts'

// Each test has its own database and its own simulated Tratta. Most of the time it waits for the call timeout.
t.jobs = 6

/** Without a bulk_id, errors cannot be read. */
const UNREADABLE: Expected = Object.fromEntries(
  [
    'errors_ready',
    'error_shape',
    'error_ids',
    'taken_message',
    'existing_customers',
    'id_comparison',
    'paging',
    'cut_connection',
  ].map((name) => [name, 'undecided'] as const),
)

const pending = (errorsPendingStatus: number): [Variation, Expected] => [
  { errorsPendingStatus, bulkDelayMs: 2000 },
  { errors_ready: ['marked', 'supported'] },
]

const VARIATIONS: [Variation, Expected][] = [
  [{}, {}],
  [{ bulkDelayMs: 600 }, {}],
  [{ bulkAnswer: 'top_level' }, { bulk_answer: ['other', 'supported'] }],
  [{ bulkAnswer: 'low_count' }, { bulk_answer: ['low_count', 'unsupported'] }],
  [{ bulkAnswer: 'no_bulk_id' }, { bulk_answer: ['no_bulk_id', 'unsupported'], ...UNREADABLE }],
  pending(202),
  pending(404),
  pending(409),
  pending(425),
  [{ invalidRows: 'reject_request' }, { invalid_rows: ['request_rejected', 'supported'] }],
  [{ invalidRows: 'reject_unnamed' }, { invalid_rows: ['request_rejected_unnamed', 'supported'] }],
  [{ takenMessage: 'exists' }, { taken_message: ['recognized', 'supported'] }],
  [{ takenMessage: 'conflict' }, { taken_message: ['other', 'unsupported'] }],
  [{ existingCustomers: 'reject' }, { existing_customers: ['reject', 'supported'] }],
  [{ idComparison: 'folded' }, { id_comparison: ['folded', 'supported'] }],
]

for (const [variation, expected] of VARIATIONS)
  t.test(`a Tratta with ${JSON.stringify(variation)}`, { buffered: true }, (t) =>
    runVariation(t, variation, expected),
  )
