/**
 * The outbound proxy: HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Node opens a tunnel (CONNECT), so that the proxy sees only the
 * host of Tratta.
 */
import { setGlobalProxyFromEnv } from 'node:http'
import { type Config, isLoopback } from '../config.ts'

type ProxyConfig = Pick<Config, 'HTTPS_PROXY' | 'HTTP_PROXY'> & Partial<Pick<Config, 'NO_PROXY'>>

/** @returns the URL of the proxy for requests to `url`, which can contain a password; undefined for none */
export function proxyFor(url: string, config: ProxyConfig): string | undefined {
  const { protocol, hostname, port } = new URL(url)
  const proxy = protocol === 'https:' ? config.HTTPS_PROXY : config.HTTP_PROXY
  const isExcluded = config.NO_PROXY?.some((entry) => {
    const [, host = '', entryPort = ''] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry) ?? []
    if (entryPort !== '' && entryPort !== (port || (protocol === 'https:' ? '443' : '80'))) return false
    return host === '*' || hostname === host || hostname.endsWith(`.${host}`)
  })
  return proxy === undefined || isExcluded || isLoopback(hostname) ? undefined : proxy
}

/** The address without user and password. */
export const proxyName = (proxy: string) => new URL(proxy).origin

let current: string | undefined

/**
 * Sends later requests of `fetch` through the proxy. The setting is global, because `fetch` takes no other proxy; requests
 * to loopback addresses do not use it.
 */
export function useProxy(proxy: string | undefined): void {
  if (proxy === current) return
  current = proxy
  setGlobalProxyFromEnv({ http_proxy: proxy, https_proxy: proxy, no_proxy: 'localhost,127.0.0.1,::1' })
}
