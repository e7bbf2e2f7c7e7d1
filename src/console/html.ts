/**
 * The parts of the pages. `html` of ghtml escapes every value except after `!`: `!${…}` inserts only what another
 * `html` template or a function here returned.
 */
import { html } from 'ghtml'

/** Escaped text and elements. */
export type Html = string

/** A cell, escaped by its template. */
export const table = (heads: string[], rows: Html[][], empty: Html): Html =>
  rows.length === 0
    ? html`<p class="empty">!${empty}</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="${heads[0]} table"><table>
        <thead><tr>!${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
        <tbody>!${rows.map((cells) => html`<tr>!${cells.map((cell) => html`<td>!${cell}</td>`)}</tr>`)}</tbody>
      </table></div>`

/** Names with values, which may be undefined for unknown ones. */
export const facts = (rows: [name: string, value: Html | null | undefined][]): Html =>
  html`<dl class="facts">!${rows.map(([name, value]) =>
    value == null ? '' : html`<div><dt>${name}</dt><dd>!${value}</dd></div>`,
  )}</dl>`

export type Tone = 'good' | 'warn' | 'bad' | 'plain'

export const badge = (tone: Tone, text: string): Html => html`<span class="badge ${tone}">${text}</span>`

export const toneOf = (outcome: string): Tone =>
  outcome === 'answered'
    ? 'good'
    : /^(account_not_found|invalid_parameter|client_disconnected)$/.test(outcome)
      ? 'warn'
      : 'bad'

export const outcomeBadge = (outcome: string): Html => badge(toneOf(outcome), outcome)

export const message = (tone: Tone, content: Html): Html =>
  html`<div class="message ${tone}" role="${tone === 'bad' ? 'alert' : 'status'}">!${content}</div>`

export const code = (text: string): Html => html`<code>${text}</code>`

/** In UTC, to the second. */
export const time = (date: Date): Html =>
  html`<time datetime="${date.toISOString()}">${date.toISOString().slice(0, 19).replace('T', ' ')}</time>`

export const dollars = (cents: number | null): string =>
  cents === null ? '' : (cents / 100).toLocaleString('en-US', { style: 'currency', currency: 'USD' })

export const milliseconds = (ms: number | null): string =>
  ms === null ? '' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en-US')} ms`

/** A form of one button, or of the given fields and a button, that changes or reads something. */
export const postForm = (
  action: string,
  token: string,
  fields: Record<string, string>,
  button: string,
  explanation?: string,
): Html => html`<form method="post" action="${action}" class="act">
  <input type="hidden" name="token" value="${token}">
  !${Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )}
  <button>${button}</button>
  ${explanation ?? ''}
</form>`

export const select = (
  name: string,
  label: string,
  options: [value: string, text: string][],
  chosen: string,
) =>
  html`<label>${label} <select name="${name}">!${options.map(
    ([value, text]) => html`<option value="${value}" !${value === chosen ? 'selected' : ''}>${text}</option>`,
  )}</select></label>`
