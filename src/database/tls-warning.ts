/** Detects insecure TLS parameters of DATABASE_URL. */
import { lookup } from 'node:dns/promises'
import { BlockList, isIPv6 } from 'node:net'
import { databaseTls } from '../database-url.ts'

interface TlsProblem {
  message: string
  remedy: string
  /** Whether the traffic crosses a public network without TLS. */
  isPublic: boolean
}

const REMEDY = 'Set sslmode=verify-full and sslrootcert=FILE in DATABASE_URL'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** RFC 1918, shared address space (RFC 6598), link-local, and unique local addresses (RFC 4193). */
const privateNetworks = new BlockList()
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
] as const)
  privateNetworks.addSubnet(network, bits)
privateNetworks.addSubnet('fc00::', 7, 'ipv6')
privateNetworks.addSubnet('fe80::', 10, 'ipv6')

/**
 * @returns undefined when the connection stays on this machine or is verified
 * @throws {Error} of the name server
 */
export async function tlsProblem(databaseUrl: string): Promise<TlsProblem | undefined> {
  const { mode, isVerified, host } = databaseTls(databaseUrl)
  if (host === undefined || mode === 'verify-full') return undefined
  const addresses = (await lookup(host, { all: true })).map(({ address }) => address)
  if (addresses.every((address) => isIn(loopback, address))) return undefined
  const isPublic = addresses.some((address) => !isIn(loopback, address) && !isIn(privateNetworks, address))
  if (mode === undefined || mode === 'disable') {
    const where = isPublic ? 'a public address' : 'another host'
    const cause = mode === undefined ? 'without sslmode' : 'with sslmode=disable'
    return {
      message: `${cause} the connection to Postgres at ${where} is in clear text, the password and all accounts included`,
      remedy: REMEDY,
      isPublic,
    }
  }
  return {
    message: isVerified
      ? `sslmode=${mode} verifies the certificate only because this driver does: in libpq, and in the driver's next major version, it does not verify the host name`
      : `sslmode=${mode} does not verify the server: a machine in between can read everything`,
    remedy: REMEDY,
    isPublic: false,
  }
}

const isIn = (list: BlockList, address: string) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
