/** How Tratta can differ in limits, registration and triggers, each with a push afterwards. */
import t from 'tap'
import type { Variation } from '../bulk/start-tratta.ts'
import { type Expected, runVariation } from './run-variation.ts'

// Each test has its own database and its own simulated Tratta. Most of the time it waits for the call timeout.
t.jobs = 6

const VARIATIONS: [Variation, Expected][] = [
  [{ unauthorizedStatus: 403 }, { wrong_token: ['403', 'supported'] }],
  [{ unknownBulkStatus: 200 }, { unknown_bulk: ['200', 'supported'] }],
  [{ maxBulkBytes: 1_500_000 }, { bulk_bytes: ['1000000', 'supported'] }],
  [{ maxBulkRows: 500 }, { bulk_rows: ['500', 'supported'] }],
  [{ parallelBulk: 'reject', bulkDelayMs: 300 }, { parallel_requests: ['1', 'supported'] }],
  [{ abortedRequests: 'drop' }, { cut_connection: ['dropped', 'supported'] }],
  [{ registeredTwice: 'reject' }, { register_twice: ['rejected', 'supported'] }],
  [{ registrationCheck: 'head' }, { registration_check: ['checked', 'supported'] }],
  [{ registrationCheck: 'get' }, { registration_check: ['checked', 'supported'] }],
  [
    { calledUrl: 'first' },
    { called_url: ['first', 'unsupported'], url_slash: 'undecided', url_query: 'undecided' },
  ],
  [{ urlSlash: 'remove' }, { url_slash: ['removed', 'supported'] }],
  [{ urlQuery: 'concatenate' }, { url_query: ['concatenated', 'supported'] }],
  [{ urlQuery: 'reject' }, { url_query: ['rejected', 'supported'] }],
  [{ triggerAnswer: 'id' }, { trigger_answer: ['other', 'supported'] }],
  [{ jitErrors: 'wrap' }, { relayed_errors: ['wrapped', 'supported'] }],
  [{ triggerErrors: 'message' }, { trigger_errors: ['message', 'supported'] }],
  [{ callTimeoutMs: 3000 }, { call_timeout: ['3000', 'unsupported'] }],
  [{ ssnLast4: 'text' }, { ssn_last4: ['text', 'supported'] }],
  [{ ssnLast4: 'number' }, { ssn_last4: ['number', 'supported'] }],
  [{ unknownParents: 'accept' }, { unknown_parents: ['accepted', 'supported'] }],
]

for (const [variation, expected] of VARIATIONS)
  t.test(`a Tratta with ${JSON.stringify(variation)}`, { buffered: true }, (t) =>
    runVariation(t, variation, expected),
  )
