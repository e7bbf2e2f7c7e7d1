import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Faults, validationBody } from './wording.ts'

const messages: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthenticated.',
  403: 'This action is unauthorized.',
  404: 'Not Found',
  413: 'Payload Too Large',
  429: 'Too Many Attempts.',
  500: 'Server Error',
  503: 'Service Unavailable',
}

/** Laravel looks at the first type only: `Accept: text/html, application/json` is a browser to it. */
function wantsJson(request: FastifyRequest): boolean {
  return /[/+]json/.test((request.headers.accept ?? '').split(',', 1)[0]!)
}

/**
 * Answers a failure as Laravel does: JSON if the client asked for it, else a page; and a browser that is
 * unknown or filled in a form wrongly is sent elsewhere. (Successes are JSON either way.)
 */
export function sendFault(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  message = messages[status] ?? 'Error',
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

/** Laravel's 422: `{"message": "...", "errors": {"field": ["..."]}}`. */
export function sendValidationFaults(
  request: FastifyRequest,
  reply: FastifyReply,
  faults: Faults,
): FastifyReply {
  return wantsJson(request) ? reply.code(422).send(validationBody(faults)) : redirect(reply, '/')
}

function redirect(reply: FastifyReply, path: string): FastifyReply {
  return reply
    .code(302)
    .header('location', path)
    .type('text/html; charset=utf-8')
    .send(`<!DOCTYPE html>\n<html><head><title>Redirecting to ${path}</title></head></html>\n`)
}
