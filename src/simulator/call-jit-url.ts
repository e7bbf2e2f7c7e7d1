/** Calls the URL that the agency registered. */
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { SimulatorSettings } from './settings.ts'

interface JitResponse {
  status: number
  contentType: string | undefined
  body: Buffer
}

/** The reason for a missing response. */
export type JitFailure = 'timeout' | 'unreachable' | 'too large'

const MAX_BYTES = 10_000_000

/** Requests a URL while it is registered, without an account. The response does not matter. */
export async function checkJitUrl(
  url: string,
  { registrationCheck, callTimeoutMs }: SimulatorSettings,
): Promise<void> {
  if (registrationCheck === 'none') return
  const method = registrationCheck === 'head' ? 'HEAD' : 'GET'
  const response = await get(new URL(url), AbortSignal.timeout(callTimeoutMs), method).catch(() => undefined)
  response?.resume()
}

/**
 * Requests one account from the registered URL (just-in-time.txt, Receive a JIT request): GET, the parameter
 * appended, redirects not followed. `callTimeoutMs` covers everything from connecting to the last byte.
 */
export async function callJitUrl(
  registeredUrl: string,
  debtAccountExternalId: string,
  { callTimeoutMs, urlQuery }: SimulatorSettings,
): Promise<JitResponse | JitFailure> {
  const parameter = new URLSearchParams({ debt_account_external_id: debtAccountExternalId })
  const isSecond = registeredUrl.includes('?') && urlQuery !== 'concatenate'
  const url = new URL(`${registeredUrl}${isSecond ? '&' : '?'}${parameter}`)
  const signal = AbortSignal.timeout(callTimeoutMs)
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

function get(url: URL, signal: AbortSignal, method = 'GET'): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    // Each call opens a new connection, because an idle one would delay the responder's shutdown. It sends no
    // optional headers, because Tratta's are unknown and a responder must not rely on any.
    request(url, { method, agent: false, signal }, resolve).on('error', reject).end()
  })
}
