/** How Tratta can differ in the errors of Bulk, each with a push afterwards. */
import t from 'tap'
import type { Variation } from '../bulk/start-tratta.ts'
import { type Expected, runVariation } from './run-variation.ts'

// Each test has its own database and its own simulated Tratta. Most of the time it waits for the call timeout.
t.jobs = 6

const paged = (errorsPaging: NonNullable<Variation['errorsPaging']>): [Variation, Expected] => [
  { errorsPaging, errorsPerPage: 10 },
  {
    paging: ['circle', 'endless'].includes(errorsPaging)
      ? ['unreadable', 'unsupported']
      : ['pages', 'supported'],
  },
]

const VARIATIONS: [Variation, Expected][] = [
  [{ errorShape: 'list' }, { error_shape: ['other', 'supported'] }],
  [{ errorShape: 'strings' }, { error_shape: ['other', 'supported'] }],
  [{ errorShape: 'dotted' }, { error_shape: ['other', 'supported'] }],
  [{ errorIds: 'lower_case' }, { error_ids: ['changed', 'supported'] }],
  [{ errorIds: 'number' }, { error_ids: ['changed', 'supported'] }],
  [{ errorIds: 'row_number' }, { error_ids: ['row_number', 'supported'] }],
  [{ errorIds: 'absent' }, { error_ids: ['absent', 'unsupported'] }],
  paged('links'),
  paged('next_page_url'),
  paged('last_page'),
  paged('cursor'),
  paged('link_header'),
  paged('path'),
  paged('circle'),
  paged('endless'),
]

for (const [variation, expected] of VARIATIONS)
  t.test(`a Tratta with ${JSON.stringify(variation)}`, { buffered: true }, (t) =>
    runVariation(t, variation, expected),
  )
