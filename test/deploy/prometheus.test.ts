/** Alert rules and dashboard: read by promtool, and about metrics that the service has. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { CALL_OUTCOMES } from '../../src/responder/problem.ts'
import { testDatabase } from '../support/database.ts'
import { readExposition } from '../support/exposition.ts'
import { service } from '../support/program.ts'
import { passes } from '../support/run-external-program.ts'

const FOLDER = 'deploy/prometheus'
const readYaml = (file: string) => parse(readFileSync(join(FOLDER, file), 'utf8'))

interface Rule {
  alert: string
  expr: string
  annotations: { runbook_url: string }
}
const rules: Rule[] = readYaml('alerts.yaml').groups.flatMap(({ rules }: { rules: Rule[] }) => rules)

interface Panel {
  title: string
  type: string
  targets?: { expr: string }[]
}
const dashboard: { panels: Panel[] } = JSON.parse(readFileSync('deploy/grafana-dashboard.json', 'utf8'))
const shown = dashboard.panels.flatMap(({ targets = [] }) =>
  targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')),
)

t.test('promtool', async (t) => {
  passes(t, 'promtool', ['check', 'rules', join(FOLDER, 'alerts.yaml')])
  passes(t, 'promtool', ['test', 'rules', join(FOLDER, 'alerts.test.yaml')])
  passes(t, 'promtool', ['check', 'config', '--syntax-only', join(FOLDER, 'scrape.yaml')])
  const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-dashboard-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'dashboard.yaml')
  const recorded = shown.map((expr, at) => ({ record: `panel:${at}`, expr }))
  writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules: recorded }] }))
  passes(t, 'promtool', ['check', 'rules', file])
})

t.test('each alert has tests and a section in docs/operating.md', async (t) => {
  const tests: { alert_rule_test: { alertname: string; exp_alerts: object[] }[] }[] =
    readYaml('alerts.test.yaml').tests
  const all = tests.flatMap(({ alert_rule_test }) => alert_rule_test)
  const pages = [...readFileSync('docs/operating.md', 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
  for (const { alert, annotations } of rules) {
    const [silent, firing] = [0, 1].map((count) =>
      all.some(
        ({ alertname, exp_alerts }) => alertname === alert && Math.min(exp_alerts.length, 1) === count,
      ),
    )
    t.ok(silent && firing, `${alert} has a test in which it fires and one in which it does not`)
    const [page, anchor = ''] = annotations.runbook_url.split('#')
    t.match(page, /\/docs\/operating\.md$/)
    t.equal(anchor, alert.toLowerCase())
    t.ok(pages.includes(anchor), `docs/operating.md has ${anchor}`)
  }
})

t.test('alerts and dashboard use existing metrics and outcomes', async (t) => {
  const database = await testDatabase(t)
  const { adminUrl } = await service(t, database.url)
  const metrics = readExposition(await (await fetch(`${adminUrl}/metrics`)).text())
  const expressions = [...rules.map(({ expr }) => expr), ...shown]
  const named = expressions.flatMap((expr) => expr.match(/\b(tratta_jit|nodejs|process)_\w+/g) ?? [])
  t.ok(named.length > 20)
  for (const name of new Set(named)) t.ok(metrics.has(name.replace(/_bucket$/, '')), name)
  const outcomes = expressions.flatMap((expr) =>
    [...expr.matchAll(/outcome=~"([^"]*)"/g)].flatMap(([, list]) => list!.split('|')),
  )
  for (const outcome of new Set(outcomes)) t.ok((CALL_OUTCOMES as string[]).includes(outcome), outcome)
})
