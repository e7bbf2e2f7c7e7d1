import type { FastifyRequest } from 'fastify'

/** Some HTTP clients send a body such as `[]` with a GET. */
const MAX_IGNORED_BYTES = 1024

/**
 * Reads the body of a request and ignores it.
 * @param done called once. Its argument is true when the body may be ignored: at most 1 kB, of a GET or HEAD
 */
export function ignoreBody({ method, raw, headers }: FastifyRequest, done: (isIgnored: boolean) => void) {
  const declared = Number(headers['content-length'] ?? 0)
  const isChunked = headers['transfer-encoding'] !== undefined
  if (declared === 0 && !isChunked) return done(true)
  if (!['GET', 'HEAD'].includes(method) || declared > MAX_IGNORED_BYTES) return done(false)
  let bytes = 0
  const finish = (isIgnored: boolean) => {
    raw.off('data', read).off('end', end)
    done(isIgnored)
  }
  const read = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MAX_IGNORED_BYTES) finish(false)
  }
  const end = () => finish(true)
  raw.on('data', read).on('end', end)
}
