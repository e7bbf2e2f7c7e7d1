/** Rows beside other rows: loaded rightly, or refused with a reason and the lines that it is about. */
import t from 'tap'
import { CENTS, importing, refused } from './importing.ts'

t.test('ids that stand twice, with other content and with the same', async (t) => {
  const importer = await importing(t)
  const head = 'external_id,balance,customer_external_id,customer_name,location_external_id,location_name'
  const event = await importer.event(
    [
      head,
      '1,100,c1,Ann,l1,North',
      '2,100,c1,Ann,l1,North',
      '1,200,c1,Ann,l1,North',
      '3,100,c2,Bob,l1,North',
      '4,100,c2,Rob,l1,North',
      '5,100,c3,Eve,l2,South',
      '6,100,c3,Eve,l3,South',
      '7,100,c3,Eve,l4,West',
      '7,100,c3,Eve,l4,West',
    ].join('\n'),
    ...CENTS,
    '--keep-good',
    '--rejects',
    importer.path('rejects.csv'),
  )
  t.match(event, {
    loaded: true,
    rows: 9,
    rows_refused: 6,
    debt_accounts: { added: 2, changed: 0, unchanged: 0 },
  })
  t.same(event.refused, [
    {
      reason: 'customer.external_id stands twice in the file, with different content',
      rows: 2,
      examples: [
        { line: 5, external_id: '3', also: 6 },
        { line: 6, external_id: '4', also: 5 },
      ],
    },
    {
      reason: 'debt_account.external_id stands twice in the file, with different content',
      rows: 2,
      examples: [
        { line: 2, external_id: '1', also: 4 },
        { line: 4, external_id: '1', also: 2 },
      ],
    },
    {
      reason: 'location.name is, with this type, the name of another location too',
      rows: 2,
      examples: [
        { line: 7, external_id: '5', also: null },
        { line: 8, external_id: '6', also: null },
      ],
    },
  ])
  t.match(await importer.accounts(), [{ external_id: '2' }, { external_id: '7' }])
  t.match(await importer.database.query('select external_id from tratta_jit.customers order by 1'), [
    { external_id: 'c1' },
    { external_id: 'c3' },
  ])
})

t.test('children without a parent, circles of parents, and children that come first', async (t) => {
  const importer = await importing(t)
  const { event, load, database } = importer
  const head = 'external_id,parent_external_id,balance'
  const circle = 'debt_account.parent_external_id leads into a circle of parents'
  const unknown =
    'debt_account.parent_external_id names an account that is refused, or neither in the file nor in the database'
  const ended = await event(
    [
      head,
      'child,parent,1',
      'parent,,1',
      'lost,nobody,1',
      'below-lost,lost,1',
      'a,b,1',
      'b,c,1',
      'c,a,1',
      'below-circle,a,1',
      'own,own,1',
      'bad,,x',
      'of-bad,bad,1',
    ].join('\n'),
    ...CENTS,
    '--keep-good',
    '--rejects',
    importer.path('rejects.csv'),
  )
  t.same((ended.refused as { reason: string }[]).map(({ reason }) => reason).sort(), [
    'debt_account.balance must be whole cents written like 123456 or -123456 (say --money dollars where the file has dollars)',
    circle,
    'debt_account.parent_external_id must not be the account itself',
    unknown,
  ])
  t.match(refused(ended), { [circle]: [6, 7, 8], [unknown]: [4, 5, 12] })
  t.equal(
    (ended.refused as { reason: string; rows: number }[]).find(({ reason }) => reason === circle)!.rows,
    4,
  )
  t.match(await importer.accounts(), [{ external_id: 'child' }, { external_id: 'parent' }])

  // Of a circle, one half may stand in the tables.
  t.match(refused(await event(`${head}\nparent,child,1\n`, ...CENTS)), { [circle]: [2] })
  t.equal((await load(`${head}\nchild,,1\nparent,child,1\n`, ...CENTS)).code, 0, 'turned round')
  t.same(
    await database.query(
      'select external_id from tratta_jit.debt_accounts where parent_external_id is not null',
    ),
    [{ external_id: 'parent' }],
  )
})
