/** The frame of every page. All URLs are relative, so that the console works under a path prefix of a proxy. */
import type { FastifyReply } from 'fastify'
import { html } from 'ghtml'
import { VERSION } from '../version.ts'
import type { Html } from './html.ts'
import type { Session } from './sessions.ts'

const PAGES: [path: string, name: string][] = [
  ['./', 'Overview'],
  ['calls', 'Calls'],
  ['account', 'Account'],
  ['bulk', 'Bulk'],
  ['imports', 'Imports'],
  ['check', 'Check'],
  ['setup', 'Setup'],
  ['api', 'API'],
]

export interface Page {
  title: string
  /** The entry of the navigation. */
  path?: string
  session?: Session | undefined
  body: Html
  /** Seconds until a browser without JavaScript loads the page again. */
  reloadSeconds?: number | undefined
}

export const sendPage = (reply: FastifyReply, page: Page): FastifyReply =>
  reply.type('text/html; charset=utf-8').send(layout(page))

const layout = ({ title, path, session, body, reloadSeconds }: Page): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – tratta-jit</title>
<link rel="icon" href="assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/simple.css">
<link rel="stylesheet" href="assets/console.css">
<link rel="stylesheet" href="assets/content.css">
<link rel="stylesheet" href="assets/charts.css">
<script src="assets/console.js" defer></script>
!${reloadSeconds ? html`<noscript><meta http-equiv="refresh" content="${reloadSeconds}"></noscript>` : ''}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
  <div class="brand"><strong>tratta-jit</strong> <small>${VERSION}</small></div>
  !${session ? navigation(path, session) : ''}
</header>
<main id="main">
<h1>${title}</h1>
!${body}
</main>
<footer>Times are in UTC.</footer>
</body>
</html>
`

const navigation = (
  current: string | undefined,
  { user, token }: Session,
): Html => html`<nav aria-label="Pages"><ul>
  !${PAGES.map(
    ([path, name]) =>
      html`<li><a href="${path}" !${path === current ? 'aria-current="page"' : ''}>${name}</a></li>`,
  )}
</ul></nav>
<form method="post" action="sign-out" class="sign-out">
  <input type="hidden" name="token" value="${token}">
  <span>${user}</span> <button>Sign out</button>
</form>`

/**
 * A part of a page that console.js replaces every `seconds` with the same part of a new response. Needs an id of its
 * own on the page.
 */
export const live = (id: string, seconds: number, content: Html): Html =>
  html`<div id="${id}" data-live="${seconds}">!${content}</div>`
