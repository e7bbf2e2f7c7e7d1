/** Debian's Chromium, driven by Playwright, and the pages of the console in it. */
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { installed } from '../support/external-program.ts'

/** For the option `skip` of a test. */
export const NO_BROWSER = installed('chromium') ? false : 'chromium is not installed'

const WAIT_MS = 120_000

export interface Browser {
  /**
   * Opens a page in a context of its own. Its console messages and violated policies are kept.
   * @returns the page, and what it reported
   */
  open(options?: BrowserContextOptions): Promise<{ page: Page; reports: string[] }>
}

export async function startBrowser(t: Test): Promise<Browser> {
  // Playwright gives it an empty profile, and deletes it.
  const browser = await chromium.launch({
    executablePath: installed('chromium')!,
    timeout: WAIT_MS,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  t.teardown(() => browser.close())
  return {
    async open(options = {}) {
      const context = await browser.newContext(options)
      context.setDefaultTimeout(WAIT_MS)
      const page = await context.newPage()
      const reports: string[] = []
      // Chromium reports violations of the policy, and statuses of 400 and more, in the console.
      page.on('console', (message) => {
        if (message.type() !== 'log') reports.push(`${message.type()}: ${message.text()}`)
      })
      page.on('pageerror', (error) => reports.push(`exception: ${error.message}`))
      return { page, reports }
    },
  }
}
