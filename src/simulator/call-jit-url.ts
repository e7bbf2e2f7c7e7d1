import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

export interface JitAnswer {
  status: number
  contentType: string | undefined
  body: Buffer
}

/** Why there is no answer. */
export type JitFailure = 'timeout' | 'unreachable' | 'too large'

const MAX_BYTES = 10_000_000

/**
 * Asks the registered URL about one account (just-in-time.txt, Receive a JIT request): GET, the parameter
 * appended, no redirect followed.
 * @param timeoutMs for everything, from connecting to the last byte
 */
export async function callJitUrl(
  registered: string,
  debtAccountExternalId: string,
  timeoutMs: number,
): Promise<JitAnswer | JitFailure> {
  const url = new URL(registered)
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
    // a connection of its own for each call: nothing is left open that would hold up the other side's stop;
    // and no headers that a responder could come to rely on: Tratta's are unseen
    request(url, { agent: false, signal }, resolve).on('error', reject).end()
  })
}
