import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendFault } from './faults.ts'
import type { Misbehaviour } from './misbehaviour.ts'

const page =
  '<!DOCTYPE html>\n<html><head><title>Tratta</title></head><body>We will be right back.</body></html>\n'
const json = 'application/json'

/**
 * Answers in place of the API, for the kinds that do not take the request.
 * `slow` and `lost` are done to the answer of the API, in `app.ts`.
 */
export function misbehave(request: FastifyRequest, reply: FastifyReply, how: Misbehaviour): FastifyReply {
  switch (how.kind) {
    case 'reset':
      request.raw.socket.resetAndDestroy()
      return reply.hijack()
    case 'status':
      if (how.retryAfter !== undefined) reply.header('retry-after', how.retryAfter)
      if (how.status! >= 300 && how.status! < 400) {
        return reply.redirect(`https://elsewhere.example${request.url}`, how.status!)
      }
      return sendFault(request, reply, how.status!)
    case 'html':
      return reply.type('text/html; charset=utf-8').send(page)
    case 'empty':
      return reply.type(json).send('')
    case 'huge':
      return reply.type(json).send(`{"data":"${'x'.repeat(10_000_000)}"}`)
    default:
      return reply.type(json).send(Readable.from(endless()))
  }
}

async function* endless(): AsyncGenerator<string> {
  yield '{"data":"'
  for (;;) {
    yield 'x'.repeat(16_384)
    // slow enough to leave the machine to others, fast enough to fill a reader's limit
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
