/** Rows that depend on other rows: loaded correctly, or rejected with a reason and their lines. */
import t from 'tap'
import { CENTS, rejected, startImporter } from './start-importer.ts'

t.test('duplicate ids are rejected if their content differs, and count once if it is equal', async (t) => {
  const importer = await startImporter(t)
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
    '--strict',
    '--keep-good',
    '--rejects',
    importer.path('rejects.csv'),
  )
  t.match(event, {
    loaded: true,
    rows: 9,
    rows_rejected: 6,
    debt_accounts: { added: 2, changed: 0, unchanged: 0 },
  })
  t.same(event.rejected, [
    {
      code: 'conflicting_rows',
      field: 'customer.external_id',
      message: 'customer.external_id appears more than once in the file, with different content',
      rows: 2,
      examples: [
        { line: 5, external_id: '3', other_line: 6 },
        { line: 6, external_id: '4', other_line: 5 },
      ],
    },
    {
      code: 'conflicting_rows',
      field: 'debt_account.external_id',
      message: 'debt_account.external_id appears more than once in the file, with different content',
      rows: 2,
      examples: [
        { line: 2, external_id: '1', other_line: 4 },
        { line: 4, external_id: '1', other_line: 2 },
      ],
    },
    {
      code: 'location_name_taken',
      field: 'location.name',
      message: 'location.name and type are those of another location',
      rows: 2,
      examples: [
        { line: 7, external_id: '5', other_line: null },
        { line: 8, external_id: '6', other_line: null },
      ],
    },
  ])
  t.match(await importer.accounts(), [{ external_id: '2' }, { external_id: '7' }])
  t.match(await importer.database.query('select external_id from tratta_jit.customers order by 1'), [
    { external_id: 'c1' },
    { external_id: 'c3' },
  ])
})

t.test(
  'children without a parent and cycles of parents are rejected; children can be before their parents',
  async (t) => {
    const importer = await startImporter(t)
    const { event, load, database } = importer
    const head = 'external_id,parent_external_id,balance'
    const cycle = 'debt_account.parent_external_id leads to a cycle of parents'
    const unknown =
      'debt_account.parent_external_id names an account that is rejected, or is neither in the file nor in the database'
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
        'below-cycle,a,1',
        'own,own,1',
        'bad,,x',
        'of-bad,bad,1',
      ].join('\n'),
      ...CENTS,
      '--keep-good',
      '--rejects',
      importer.path('rejects.csv'),
    )
    t.same((ended.rejected as { message: string }[]).map(({ message }) => message).sort(), [
      'debt_account.balance must be whole cents, written like 123456 or -123456 (use --money dollars if the file has dollars)',
      cycle,
      'debt_account.parent_external_id must not be the account itself',
      unknown,
    ])
    t.match(rejected(ended), { [cycle]: [6, 7, 8], [unknown]: [4, 5, 12] })
    t.equal(
      (ended.rejected as { message: string; rows: number }[]).find(({ message }) => message === cycle)!.rows,
      4,
    )
    t.match(await importer.accounts(), [{ external_id: 'child' }, { external_id: 'parent' }])

    // A part of the cycle is in the tables.
    t.match(rejected(await event(`${head}\nparent,child,1\n`, ...CENTS)), { [cycle]: [2] })
    t.equal(
      (await load(`${head}\nchild,,1\nparent,child,1\n`, ...CENTS)).code,
      0,
      'parent and child can be swapped',
    )
    t.same(
      await database.query(
        'select external_id from tratta_jit.debt_accounts where parent_external_id is not null',
      ),
      [{ external_id: 'parent' }],
    )
  },
)
