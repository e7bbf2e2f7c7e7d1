import { html } from 'ghtml'
import { apiContent } from '../responder/api-page.ts'
import type { App } from '../responder/app.ts'
import type { Shared } from './shared.ts'

export function addApiPage(app: App, { api, send }: Shared) {
  const content = apiContent(api)
  app.get('/api', (request, reply) =>
    send(request, reply, {
      title: 'API',
      path: 'api',
      body: html`<div class="scroll" tabindex="0" role="region" aria-label="API">!${content}</div>`,
    }),
  )
}
