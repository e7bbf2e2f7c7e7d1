/** Finds the normalized address of a client, also behind trusted proxies. */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** @returns whether an address, as `parseAddress` returns it, is in one of the CIDR ranges */
export function addressMatcher(ranges: string[]): (address: string) => boolean {
  const list = addressList(ranges)
  return (address) => isIP(address) > 0 && list.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
}

/** Builds a BlockList from CIDR ranges and single addresses. */
function addressList(ranges: string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    list.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family)
  }
  return list
}

/**
 * Reads `X-Forwarded-For` from the right for as long as the sender of an entry is a trusted proxy. An entry
 * that is not an address ends the search: the client is then the proxy that sent it.
 */
export function clientAddressResolver(trustedProxies: string[]): (request: IncomingMessage) => string {
  // A BlockList takes microseconds, also when it is empty.
  if (trustedProxies.length === 0) return ({ socket }) => peerAddress(socket)
  const isTrusted = addressMatcher(trustedProxies)
  return ({ socket, headers }) => {
    let address = peerAddress(socket)
    if (!isTrusted(address)) return address
    const entries = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',').reverse()
    for (const entry of entries.filter((text) => text.trim() !== '')) {
      const forwarded = parseForwardedAddress(entry)
      if (forwarded === undefined) return address
      address = forwarded
      if (!isTrusted(address)) return address
    }
    return address
  }
}

/** @returns the address of the other end of a connection; empty after the connection has broken */
export const peerAddress = ({ remoteAddress = '' }: { remoteAddress?: string | undefined }): string =>
  parseAddress(remoteAddress) ?? ''

/**
 * Limits count by this key: an IPv4 address, or the /64 network of an IPv6 address, because one client
 * usually has a whole /64.
 * @param address as `parseAddress` returns it
 */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address
  const [left = [], right] = address
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''))
  const zeros = right ? Array<string>(8 - left.length - right.length).fill('0') : []
  return `${[...left, ...zeros, ...(right ?? [])].slice(0, 4).join(':')}::/64`
}

/** One entry of the header: an address, with or without port, brackets and quotes (Azure sends `ip:port`). */
function parseForwardedAddress(entry: string): string | undefined {
  const text = entry.trim().replace(/^"(.*)"$/, '$1')
  const [, ipv6, ipv4] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/.exec(text) ?? []
  return parseAddress(ipv6 ?? ipv4 ?? text)
}

/** @returns the normalized address: no zone, IPv6 compressed, an IPv4-mapped address as IPv4 */
function parseAddress(text: string): string | undefined {
  const family = isIP(text)
  if (family !== 6) return family === 4 ? text : undefined
  const address = new URL(`http://[${text.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(address) ?? []
  if (high === undefined || low === undefined) return address
  return [high, low]
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 255])
    .join('.')
}
