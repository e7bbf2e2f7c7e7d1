import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ValidationErrors } from './validation-messages.ts'

const statusMessages: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthenticated.',
  403: 'This action is unauthorized.',
  404: 'Not Found',
  413: 'Payload Too Large',
  429: 'Too Many Attempts.',
  500: 'Server Error',
  503: 'Service Unavailable',
}

/** Laravel reads only the first type: it treats `Accept: text/html, application/json` as a browser. */
function wantsJson(request: FastifyRequest): boolean {
  return /[/+]json/.test((request.headers.accept ?? '').split(',', 1)[0]!)
}

/**
 * Sends an error as Laravel does: JSON if the client accepts it, otherwise an HTML page, or for 401 a redirect
 * to the login page.
 */
export function sendError(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  message = statusMessages[status] ?? 'Error',
): FastifyReply {
  if (wantsJson(request)) return reply.code(status).send({ message })
  if (status === 401) return redirect(reply, '/login')
  const title = message.replace(/[&<>]/g, (mark) => `&#${mark.charCodeAt(0)};`)
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .send(
      `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body>${status} | ${title}</body></html>\n`,
    )
}

/**
 * Sends Laravel's 422, `{"message": "...", "errors": {"field": ["..."]}}`, where `message` is the first message
 * and the number of further ones. A browser is redirected.
 */
export function sendValidationErrors(
  request: FastifyRequest,
  reply: FastifyReply,
  errors: ValidationErrors,
): FastifyReply {
  if (!wantsJson(request)) return redirect(reply, '/')
  const [first, ...others] = [...errors.values()].flat()
  const more = others.length
  const rest = more === 0 ? '' : ` (and ${more} more ${more === 1 ? 'error' : 'errors'})`
  return reply.code(422).send({ message: `${first}${rest}`, errors: Object.fromEntries(errors) })
}

function redirect(reply: FastifyReply, path: string): FastifyReply {
  return reply
    .code(302)
    .header('location', path)
    .type('text/html; charset=utf-8')
    .send(`<!DOCTYPE html>\n<html><head><title>Redirecting to ${path}</title></head></html>\n`)
}
