/** The message and the remedy for a response of Tratta that is not a success. */
import { readErrorMessage, reportsFailure, shorten } from './error-body.ts'

export const CHECK_ADDRESS = "Is TRATTA_API_URL the address of Tratta's API?"

/** @param text of the body, if it is not JSON */
export function explainResponse(
  status: number,
  body: unknown,
  text: string,
  retryAfterMs: number | undefined,
): [problem: string, remedy?: string] {
  const message = readErrorMessage(body) ?? shorten(text)
  const reason = message === '' ? '' : `: ${message.replace(/\.$/, '')}`
  if (status >= 300 && status < 400)
    return [
      `Tratta returned a redirect (${status}). Redirects are not followed, because the request contains the token`,
      'Check TRATTA_API_URL',
    ]
  if (status === 401)
    return [
      `Tratta does not accept the token (401)${reason}`,
      'Check TRATTA_API_TOKEN: production and sandbox have different tokens',
    ]
  if (status === 404)
    return [
      `not found at Tratta (404)${reason}`,
      'Check TRATTA_API_URL, for example https://<org-uuid>.production.tratta.io/api/v1',
    ]
  if (status === 429) {
    const when = retryAfterMs === undefined ? 'later' : `in ${Math.ceil(retryAfterMs / 1000)} s`
    return [`too many requests (429)${reason}`, `Try again ${when}`]
  }
  if (status >= 500) return [`Tratta returned a server error (${status})${reason}`, 'Try again later']
  if (status >= 400) return [`Tratta rejected the request (${status})${reason}`]
  if (reportsFailure(body)) return [`Tratta returned an error (${status})${reason}`]
  return [`the response (${status}) is not JSON${reason}`, CHECK_ADDRESS]
}
