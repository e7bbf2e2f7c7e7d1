import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

export interface JitResponse {
  status: number
  contentType: string | undefined
  body: Buffer
}

/** Why there is no response. */
export type JitFailure = 'timeout' | 'unreachable' | 'too large'

const MAX_BYTES = 10_000_000

/**
 * Requests one account from the registered URL (just-in-time.txt, Receive a JIT request): GET, the parameter
 * appended, redirects not followed.
 * @param timeoutMs covers everything from connecting to the last byte
 */
export async function callJitUrl(
  registeredUrl: string,
  debtAccountExternalId: string,
  timeoutMs: number,
): Promise<JitResponse | JitFailure> {
  const url = new URL(registeredUrl)
  url.searchParams.append('debt_account_external_id', debtAccountExternalId)
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await get(url, signal)
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_BYTES) {
        response.destroy()
        return 'too large'
      }
      chunks.push(chunk)
    }
    return {
      status: response.statusCode!,
      contentType: response.headers['content-type'],
      body: Buffer.concat(chunks),
    }
  } catch {
    return signal.aborted ? 'timeout' : 'unreachable'
  }
}

function get(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    // Each call opens a new connection, because an idle one would delay the responder's shutdown. It sends no
    // optional headers, because Tratta's are unknown and a responder must not rely on any.
    request(url, { agent: false, signal }, resolve).on('error', reject).end()
  })
}
