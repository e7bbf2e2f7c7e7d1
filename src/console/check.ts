/** Runs `check`, shows its progress, and its results with errors first. */
import { html } from 'ghtml'
import type { State } from '../check/check.ts'
import type { App } from '../responder/app.ts'
import { type CheckRun, createCheckRunner, type NamedResult } from './check-run.ts'
import { badge, code, type Html, message, postForm, type Tone, time } from './html.ts'
import { live } from './layout.ts'
import type { Shared } from './shared.ts'

const STATES: Record<State, Tone> = { error: 'bad', warning: 'warn', ok: 'good', skipped: 'plain' }
const RUNNING_SECONDS = 1

export function addCheckPages(app: App, { environment, send }: Shared) {
  const runner = createCheckRunner(environment)
  app.addHook('onClose', () => runner.cancel())

  app.get('/check', (request, reply) => {
    const run = runner.last
    const isRunning = run?.end === 'running'
    const token = request.session!.token
    return send(request, reply, {
      title: 'Check',
      path: 'check',
      reloadSeconds: isRunning ? 3 : undefined,
      body: live(
        'check',
        isRunning ? RUNNING_SECONDS : 0,
        html`!${isRunning ? cancelForm(token) : startForms(token)}!${
          run ? runResults(run) : html`<p class="empty">No check ran since the start of this process.</p>`
        }`,
      ),
    })
  })

  app.post<{ Body: Record<string, unknown> }>('/check', { config: { hasForm: true } }, (request, reply) => {
    runner.start(request.body.mode !== 'full')
    request.outcome = 'answered'
    return reply.redirect('check', 303)
  })

  app.post('/check-cancel', { config: { hasForm: true } }, async (request, reply) => {
    await runner.cancel()
    request.outcome = 'answered'
    return reply.redirect('check', 303)
  })
}

const startForms = (
  token: string,
): Html => html`<p>A check finds what would make a call fail, and says how to fix it. It
  changes nothing.</p><div class="actions">
  !${postForm('check', token, { mode: 'quick' }, 'Run a quick check', 'Settings, database, views, index use, reachability.')}
  !${postForm('check', token, { mode: 'full' }, 'Run a full check', 'Also reads all rows. It can take minutes and loads the database.')}
  </div>`

const cancelForm = (token: string) => postForm('check-cancel', token, {}, 'Cancel the check')

function runResults({ isQuick, startedAt, endedAt, progress, results, end }: CheckRun): Html {
  const count = (state: State) => results.filter((result) => result.state === state).length
  const sorted = Object.keys(STATES).flatMap((state) => results.filter((result) => result.state === state))
  const summary = html`${count('error')} errors, ${count('warning')} warnings, ${count('ok')} ok, ${count('skipped')} skipped`
  return html`!${
    end === 'running'
      ? message('warn', html`<strong>Running</strong> ${progress}. Until now: !${summary}`)
      : end === 'finished'
        ? message(
            count('error') > 0 ? 'bad' : count('warning') > 0 ? 'warn' : 'good',
            html`<strong>!${summary}</strong>`,
          )
        : message(
            'bad',
            html`<strong>The check ${end === 'canceled' ? 'was canceled' : 'stopped: it needs more memory. Run it with `tratta-jit check`'}.</strong> Until then: !${summary}`,
          )
  }<p>${isQuick ? 'Quick' : 'Full'} check, started !${time(startedAt)}!${endedAt ? html`, ended !${time(endedAt)}` : ''}</p>
  <ul class="results">!${sorted.map(resultItem)}</ul>`
}

function resultItem({ state, check, message, remedy, count, examples = [] }: NamedResult): Html {
  return html`<li>!${badge(STATES[state], state)} <strong>${check}</strong>
    <div>!${withCode(message, code)}!${count === undefined ? '' : html` (${count.toLocaleString('en-US')} ${count === 1 ? 'row' : 'rows'})`}!${
      examples.length > 0 ? html`, for example !${examples.map(code).join(', ')}` : ''
    }</div>
    !${remedy ? html`<div class="remedy">!${SQL.test(remedy) ? copyable(remedy) : withCode(remedy, copyable)}</div>` : ''}</li>`
}

/** A remedy that is one statement. */
const SQL = /^(create|alter|drop|grant|analyze) /

/** console.js adds a button that copies it. */
const copyable = (text: string): Html => html`<code data-copy>${text}</code>`

/** Text in backticks is a command, a name or SQL. */
const withCode = (text: string, render: (text: string) => Html): Html =>
  text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? render(part) : html`${part}`))
    .join('')
