/** The settings, with masked secrets, and the registration at Tratta. */
import { html } from 'ghtml'
import type { Config } from '../config.ts'
import type { App } from '../responder/app.ts'
import { SETTINGS, type SettingName } from '../settings.ts'
import { readStoredReadings } from '../tratta/readings-store.ts'
import { readRegistration } from '../tratta/registration-store.ts'
import { badge, code, facts, type Html, table, time } from './html.ts'
import type { Shared } from './shared.ts'

export function addSetup(app: App, { config, environment, pool, registration, send }: Shared) {
  app.get('/setup', async (request, reply) =>
    send(request, reply, {
      title: 'Setup',
      path: 'setup',
      body: html`<h2>Registration at Tratta</h2>!${await registrationFacts()}
        <h2>Readings of Tratta’s API</h2>!${await readings()}
        <h2>Settings</h2><p>From the environment of this process. A change needs a restart.</p>
        !${table(
          ['Setting', 'Value', 'Meaning'],
          (Object.keys(SETTINGS) as SettingName[]).map((name) => [
            code(name),
            settingValue(config, environment, name),
            html`${SETTINGS[name].meaning}`,
          ]),
          '',
        )}`,
    }),
  )

  async function readings(): Promise<Html> {
    const stored = config.TRATTA_API_URL ? await readStoredReadings(pool, config.TRATTA_API_URL) : []
    return table(
      ['Experiment', 'Result', 'Value', 'Found', 'Learned'],
      stored.map(({ name, result, value, found, learnedAt }) => [
        code(name),
        badge(result === 'as_assumed' ? 'good' : 'warn', result),
        html`${value}`,
        html`${found}`,
        time(learnedAt),
      ]),
      html`Nothing was tried at a sandbox of Tratta yet: !${code('tratta-jit probe')}. Assumptions apply.`,
    )
  }

  async function registrationFacts(): Promise<Html> {
    const stored = config.TRATTA_API_URL ? await readRegistration(pool, config.TRATTA_API_URL) : undefined
    const state = registration()
    return html`!${facts([
      ['This process', badge(state === 'registered' ? 'good' : state === 'off' ? 'plain' : 'warn', state)],
      ['Stored state', stored && html`${stored.state}`],
      ['Address', stored && html`${stored.publicUrl}/jit/…`],
      ['Requested', stored && time(stored.requestedAt)],
      ['Registered', stored?.registeredAt ? time(stored.registeredAt) : undefined],
      ['Attempts', stored && html`${stored.attempts}`],
      ['Last error', stored?.lastError ? html`${stored.lastError}` : undefined],
    ])}<p>!${code('tratta-jit register')} registers the URL now. !${code('tratta-jit trigger ID')} makes Tratta call it.</p>`
  }
}

function settingValue(config: Config, environment: NodeJS.ProcessEnv, name: SettingName): Html {
  const value = config[name]
  const isDefault = !environment[name] && !environment[`${name}_FILE`]
  const note = isDefault && value !== undefined ? html` <small>default</small>` : ''
  if (value === undefined) return html`<span class="muted">not set</span>`
  if (name === 'DATABASE_URL') return code(databaseOf(String(value)))
  if ('secret' in SETTINGS[name]) return html`<span class="muted">set, not shown</span>`
  const text = String(value)
  return html`!${text === '' ? html`<span class="muted">empty</span>` : code(text)}!${note}`
}

/** The URL without the password and without parameters, which can contain one. */
function databaseOf(url: string): string {
  const { protocol, username, host, pathname } = new URL(url)
  return `${protocol}//${username}${username ? ':…@' : ''}${host}${pathname}`
}
