/** Renders the description of openapi.ts as one HTML page without scripts and without external resources. */
import { hash } from 'node:crypto'
import type { OpenApi, Operation, Parameter } from './openapi.ts'

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }
h2 { margin-top: 2.5rem; border-top: 1px solid #ccc; padding-top: 1rem }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #ddd }
code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #181818 } a { color: #8ab4f8 }
  h2 { border-color: #444 } th, td { border-color: #333 }
}`

/** The Content-Security-Policy of the page: it allows this style and nothing else. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

export function apiPage(api: OpenApi): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(api.info.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(api.info.title)} ${escaped(api.info.version)}</h1>
${apiContent(api)}
</body>
</html>
`
}

/** The part below the heading. */
export function apiContent(api: OpenApi): string {
  const paths = Object.entries(api.paths).map(([path, { get }]) => operation(path, get))
  return `<p>${escaped(api.info.description)}</p>
<p>Here, for operators: <a href="health">health</a>, <a href="metrics">metrics</a>,
<a href="openapi.json">this description as OpenAPI 3.1</a>. There, for Tratta${
    api.servers ? ` (<code>${escaped(api.servers[0]!.url)}</code>)` : ''
  }:</p>
${paths.join('\n')}
<h2 id="JitPayload">JitPayload</h2>
${table(['Field', 'Meaning', ''], fields(api.components.schemas.JitPayload as Schema))}
<h2 id="Problem">Problem</h2>
${table(['Field', 'Meaning', ''], fields(api.components.schemas.Problem as Schema))}`
}

function operation(path: string, { summary, parameters, responses }: Operation) {
  const answers = Object.entries(responses).map(([status, { description, content }]) => [
    code(status),
    text(description),
    Object.keys(content).map(code).join(', '),
  ])
  return `<h2>GET ${code(path)}</h2>
<p>${escaped(summary)}</p>
${parameters ? table(['Parameter', 'In', 'Meaning'], parameters.map(parameter)) : ''}
${table(['Response', 'When', 'Content type'], answers)}`
}

const parameter = ({ name, in: place, description }: Parameter) => [code(name), place, escaped(description)]

interface Schema {
  description?: string
  type?: string
  const?: unknown
  enum?: unknown[]
  required?: string[]
  properties?: Record<string, Schema>
  items?: Schema
}

/** One table row for each field below a schema, named by its path. */
function fields({ properties = {}, required = [] }: Schema, at = ''): string[][] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = at + name
    const inner = schema.items ?? schema
    return [
      [code(path), escaped(meaning(schema)), required.includes(name) ? 'always' : ''],
      ...fields(inner, `${path}${schema.items ? '[]' : ''}.`),
    ]
  })
}

const meaning = ({ description, type, const: constant, enum: values }: Schema) =>
  [description ?? constant ?? type, values?.join(', ')].filter((part) => part !== undefined).join(': ')

function table(heads: string[], rows: string[][]) {
  const head = heads.map((name) => `<th>${name}</th>`).join('')
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
  return `<table><thead><tr>${head}</tr></thead><tbody>\n${body.join('\n')}\n</tbody></table>`
}

const code = (given: string) => `<code>${escaped(given)}</code>`
/** Renders `…` as code. */
const text = (given: string) => escaped(given).replace(/`([^`]+)`/g, '<code>$1</code>')
const escaped = (given: string) =>
  given.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
