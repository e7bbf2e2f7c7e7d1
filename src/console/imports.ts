/** The history of imports: what was loaded, rejected, omitted and changed, by reason. */
import { html } from 'ghtml'
import { type ImportRecord, listImports } from '../import/imports-table.ts'
import type { App } from '../responder/app.ts'
import { badge, code, facts, type Html, table, time } from './html.ts'
import type { Shared } from './shared.ts'

const IMPORTS = 20

export function addImportPages(app: App, { pool, send }: Shared) {
  app.get('/imports', async (request, reply) => {
    const imports = await listImports(pool, IMPORTS)
    return send(request, reply, {
      title: 'Imports',
      path: 'imports',
      body:
        imports.length === 0
          ? html`<p class="empty">There are no imports yet. With views there are none. To load a file, run
              !${code('tratta-jit import accounts.csv --money dollars --dry-run')} first.</p>`
          : html`!${imports.map(importDetails)}`,
    })
  })
}

/** The first line of an import, as in the section Overview. */
export const importSummary = ({ started_at, outcome, files, rows, rows_rejected }: ImportRecord): Html =>
  html`!${badge(outcome === 'loaded' ? 'good' : 'bad', outcome)} !${time(started_at)}
    ${files.map(({ file }) => file).join(', ')}: ${number(rows)} rows, ${number(rows_rejected)} rejected`

function importDetails(record: ImportRecord): Html {
  const { ended_at, started_at, os_user, host, error, counts, absent, rejected, adjustments } = record
  const reasons = [
    ...rejected.map(({ field, message, rows }) => [
      'rejected',
      [field, message].filter(Boolean).join(' '),
      rows,
    ]),
    ...Object.entries(adjustments).flatMap(([kind, list]) =>
      list.map(({ message, count }) => [kind, message, count]),
    ),
  ] as [kind: string, message: string, count: number][]
  return html`<details !${record.outcome === 'loaded' ? '' : 'open'}><summary>!${importSummary(record)}</summary>
    !${facts([
      ['By', html`${os_user} on ${host}`],
      ['Duration', html`${((ended_at.getTime() - started_at.getTime()) / 1000).toFixed(1)} s`],
      ['Error', error === null ? undefined : html`${error}`],
      ...Object.entries(counts ?? {}).map(([resource, { added, changed, unchanged }]): [string, Html] => [
        resource,
        html`${number(added)} added, ${number(changed)} changed, ${number(unchanged)} unchanged`,
      ]),
      [
        'Absent accounts',
        absent && html`${number(absent.accounts)} of ${number(absent.of)}, action: ${absent.action}`,
      ],
    ])}!${table(
      ['Rows', 'Result', 'Reason'],
      reasons.map(([kind, message, count]) => [
        html`${number(count)}`,
        badge(kind === 'rejected' ? 'bad' : 'warn', kind),
        html`${message}`,
      ]),
      html`Every value was loaded as it is in the file.`,
    )}</details>`
}

const number = (value: number) => value.toLocaleString('en-US')
