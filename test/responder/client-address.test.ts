/** The client address behind proxies, in the formats of X-Forwarded-For that proxies send. */
import t from 'tap'
import { addressGroup, peerAddress } from '../../src/responder/client-address.ts'
import { testDatabase } from '../support/database.ts'
import { SECRET, type Service, service } from '../support/program.ts'

// Each test has a database of its own, and waits most of the time.
t.jobs = 2

const statusFrom = async ({ url }: Service, forwardedFor: string, secret = SECRET) => {
  const response = await fetch(`${url}/jit/${secret}?debt_account_external_id=nobody`, {
    headers: { 'x-forwarded-for': forwardedFor },
  })
  await response.body?.cancel()
  return response.status
}

t.test(
  'ALLOWED_CLIENTS with ports, brackets and quotes in X-Forwarded-For',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const running = await service(t, database.url, {
      ALLOWED_CLIENTS: '203.0.113.0/24, 2001:db8::/32, ::ffff:198.51.100.0/120',
      TRUSTED_PROXIES: '127.0.0.0/8, 10.0.0.0/8, fd00::/8',
    })
    for (const allowed of [
      '203.0.113.7',
      '203.0.113.7:51234',
      '"203.0.113.7:51234"',
      '[2001:db8::1]:443',
      '[2001:db8::1]',
      '"[2001:db8::1]:443"',
      '2001:db8::1',
      '2001:0DB8:0:0::0001',
      '2001:db8::1%eth0',
      '[2001:db8::1%25]:443',
      '::ffff:203.0.113.7',
      '[::ffff:203.0.113.7]:443',
      '[::FFFF:cb00:7107]',
      '198.51.100.9',
      '192.0.2.1, 203.0.113.7:51234',
      'unknown, 203.0.113.7:51234, 10.1.2.3:80',
      '203.0.113.7:51234, [fd00::1]:8080, ::ffff:10.1.2.3',
      ' , 203.0.113.7:1 ,, ',
    ])
      t.equal(await statusFrom(running, allowed), 404, allowed)
    for (const rejected of [
      '192.0.2.1:51234',
      '[2001:db9::1]:443',
      '203.0.113.7, 192.0.2.1:51234',
      'unknown',
      '203.0.113.7, unknown',
      '203.0.113.7, _hidden',
      '203.0.113.7, 10.1.2.3, _hidden:80, 10.1.2.3',
      '203.0.113.7:',
      '203.0.113.7:x',
      '203.0.113.7:123456',
      '203.0.113.07',
      '203.0.113',
      '[203.0.113.7]x',
      '[2001:db8::1',
      '2001:db8::1]',
      'for=203.0.113.7',
      '203.0.113.7/24',
      '"',
      '[]',
      '[]:80',
    ])
      t.equal(await statusFrom(running, rejected), 403, rejected)
  },
)

t.test(
  'an X-Forwarded-For entry that is not an address: the client is the proxy',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const running = await service(t, database.url, {
      ALLOWED_CLIENTS: '203.0.113.0/24',
      TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8',
    })
    for (const [forwardedFor, client] of [
      ['unknown', '127.0.0.1'],
      ['203.0.113.7, _hidden, 10.1.2.3:80', '10.1.2.3'],
      ['[2001:DB8::0:1]:443', '2001:db8::1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
    ] as const) {
      await statusFrom(running, forwardedFor)
      t.equal((await running.line((line) => line.client === client)).outcome, 'client_not_allowed', client)
    }
  },
)

t.test('TRUSTED_PROXIES with IPv4 ranges on a dual-stack HOST', { buffered: true }, async (t) => {
  const database = await testDatabase(t)
  const running = await service(t, database.url, {
    HOST: '::',
    ALLOWED_CLIENTS: '203.0.113.0/24',
    TRUSTED_PROXIES: '127.0.0.0/8',
  })
  t.equal(await statusFrom(running, '203.0.113.7:51234'), 404)
  const direct = await service(t, database.url, { HOST: '::', ALLOWED_CLIENTS: '127.0.0.0/8' })
  t.equal(await statusFrom(direct, '203.0.113.7'), 404, 'a direct client has its IPv4 address')
})

t.test(
  'wrong secrets: 429 by address, regardless of the port and the format',
  { buffered: true },
  async (t) => {
    const database = await testDatabase(t)
    const running = await service(t, database.url, { TRUSTED_PROXIES: '127.0.0.1' })
    const guess = async (addresses: string[]) =>
      Promise.all(addresses.map((address, at) => statusFrom(running, address, `guess-${at}`)))
    const limited = (statuses: number[]) => statuses.filter((status) => status === 429).length
    const range = Array.from({ length: 15 }, (_, at) => at)

    t.equal(limited(await guess(range.map((at) => `203.0.113.7:${50_000 + at}`))), 5)
    t.equal(
      limited(await guess(['203.0.113.7', '::ffff:203.0.113.7', '"203.0.113.7"'])),
      3,
      'every format of the address',
    )
    t.equal(limited(await guess(range.map((at) => `203.0.113.${100 + at}:443`))), 0, 'other IPv4 addresses')
    t.equal(limited(await guess(range.map((at) => `[2001:db8:0:1:${at}::${at}]:443`))), 5, 'one /64 network')
    t.equal(limited(await guess(['2001:db8::2:0:0:0:1', '[2001:db8:0:2::1]:1'])), 0, 'another /64 network')
    t.equal(
      limited(await guess(range.map((at) => `unknown-${at}`))),
      5,
      'an entry that is not an address counts for the proxy',
    )
  },
)

t.test('addressGroup: an IPv4 address, or the /64 network of an IPv6 address', async (t) => {
  for (const [address, group] of [
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:0:1:8::', '2001:db8:0:1::/64'],
    ['fe80::1:2:3:4:5', 'fe80:0:0:1::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', ''],
  ] as const)
    t.equal(addressGroup(address), group, address)
})

t.test('peerAddress: normalized, and empty for a broken connection', async (t) => {
  t.equal(peerAddress({ remoteAddress: '::ffff:127.0.0.1' }), '127.0.0.1')
  t.equal(peerAddress({ remoteAddress: undefined }), '')
})
