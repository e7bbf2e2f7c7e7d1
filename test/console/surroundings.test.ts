/** The console with the keyboard alone, without JavaScript, and behind nginx under a path prefix. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePort } from '../support/child-process.ts'
import { installed, startInstalled } from '../support/external-program.ts'
import { NO_BROWSER, startBrowser } from './browser.ts'
import { PASSWORD, signIn, startConsole, USER } from './start-console.ts'

t.test('the console in other surroundings', { skip: NO_BROWSER }, async (t) => {
  const [running, browser] = await Promise.all([
    startConsole(t, { CONSOLE_HOSTS: 'ops.agency.example', TRUSTED_PROXIES: '127.0.0.1' }),
    startBrowser(t),
  ])
  const { adminUrl, ask } = running
  for (const id of ['A-500100', 'nobody']) await ask(id)

  await t.test('keyboard alone: sign in, open a page, show an account', async (t) => {
    const { page, reports } = await browser.open()
    const focused = () =>
      page.evaluate('document.activeElement.textContent.trim() || document.activeElement.name')
    const tabTo = async (text: string) => {
      for (let presses = 0; (await focused()) !== text; presses++) {
        if (presses > 60) throw new Error(`no focus on ${text}`)
        await page.keyboard.press('Tab')
      }
    }
    await page.goto(adminUrl)
    await tabTo('user')
    await page.keyboard.type(USER)
    await page.keyboard.press('Tab')
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await page.keyboard.press('Tab')
    t.equal(await focused(), 'Skip to the content')
    await tabTo('Account')
    t.not(
      await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'),
      'none',
      'focus is visible',
    )
    await page.keyboard.press('Enter')
    await page.getByLabel('external_id').waitFor()
    await tabTo('external_id')
    await page.keyboard.type('A-500100')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'What Tratta would get now' }).waitFor()
    await tabTo('Reveal personal values')
    await page.keyboard.press('Enter')
    await page.getByText('María-José Núñez').waitFor()
    t.same(reports, [])
  })

  await t.test('without JavaScript: every page, a filter, an account, a check to its end', async (t) => {
    const { page, reports } = await browser.open({ javaScriptEnabled: false })
    await signIn(page, adminUrl)
    await page.getByRole('cell', { name: 'nobody' }).first().waitFor()
    for (const name of ['Calls', 'Account', 'Bulk', 'Imports', 'Check', 'Setup', 'API']) {
      await page.getByRole('link', { name, exact: true }).click()
      await page.getByRole('heading', { level: 1, name }).waitFor()
    }
    await page.getByRole('link', { name: 'Calls', exact: true }).click()
    t.equal(await page.getByLabel('Show new calls as they arrive').isVisible(), false)
    await page.getByLabel('Outcome').selectOption('account_not_found')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.waitForURL(/outcome=account_not_found/)
    await page.getByRole('link', { name: 'Show call of nobody' }).first().click()
    await page.getByRole('button', { name: 'Show this account now' }).click()
    await page.getByText('No such debt account').waitFor()
    await page.getByRole('link', { name: 'Check', exact: true }).click()
    await page.getByRole('button', { name: 'Run a quick check' }).click()
    // The page loads itself again.
    await page.getByText(/^\d+ errors, \d+ warnings, \d+ ok, \d+ skipped$/).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    t.same(reports, [])
  })

  const skip = installed('nginx') ? false : 'nginx is not installed'
  await t.test('behind nginx under a path prefix', { skip }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'tratta-jit-prefix-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    const port = await freePort()
    writeFileSync(join(directory, 'nginx.conf'), nginxConf(directory, port, adminUrl))
    const nginx = await startInstalled({
      name: 'nginx',
      args: [
        '-p',
        directory,
        '-e',
        join(directory, 'error.log'),
        '-c',
        join(directory, 'nginx.conf'),
        '-g',
        'daemon off;',
      ],
      directory,
      port,
    })
    t.teardown(nginx.kill)
    const { page, reports } = await browser.open()
    const failed: string[] = []
    page.on('response', (response) => {
      if (response.status() >= 400 || !response.url().includes('/ops/console/')) failed.push(response.url())
    })
    const root = `http://127.0.0.1:${port}/ops/console/`
    await signIn(page, root)
    for (const name of ['Calls', 'Account', 'Bulk', 'Imports', 'Check', 'Setup', 'API', 'Overview']) {
      await page.getByRole('link', { name, exact: true }).click()
      await page.getByRole('heading', { level: 1, name }).waitFor()
    }
    t.equal(page.url(), root)
    t.match(
      await page.evaluate('getComputedStyle(document.body).display'),
      'grid',
      'the style sheet is loaded',
    )
    await page.getByRole('link', { name: 'Calls', exact: true }).click()
    await ask('nobody-behind-nginx')
    await page.getByRole('cell', { name: 'nobody-behind-nginx', exact: true }).waitFor()
    await page.getByRole('link', { name: 'Show call of nobody-behind-nginx' }).click()
    await page.getByRole('button', { name: 'Show this account now' }).click()
    await page.getByText('No such debt account').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    t.equal(page.url(), `${root}sign-in`)
    t.same(failed, [])
    t.same(reports, [])
  })
})

/** As in docs/console.md. */
const nginxConf = (directory: string, port: number, adminUrl: string) => `
  pid ${directory}/pid;
  events {}
  http {
    access_log off;
    ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${directory}/${kind};`).join(' ')}
    server {
      listen 127.0.0.1:${port};
      location /ops/console/ {
        proxy_pass ${adminUrl}/;
        proxy_set_header Host ops.agency.example;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
      }
    }
  }`
