import t from 'tap'
import { listenError } from '../../src/responder/listen-error.ts'

const settings = { host: 'ADMIN_HOST', port: 'ADMIN_PORT' } as const

t.test('listenError names the setting and the next step', async (t) => {
  const address = 'ADMIN_HOST is not an address of this machine'
  for (const [code, problem] of [
    ['EADDRINUSE', 'Port 80 (ADMIN_PORT) is in use by another program'],
    ['EACCES', 'This user may not open port 80 (ADMIN_PORT)'],
    ['EADDRNOTAVAIL', address],
    ['EAFNOSUPPORT', address],
    ['EINVAL', address],
    ['ENOTFOUND', address],
    ['EAI_AGAIN', address],
  ] as const) {
    const error = Object.assign(new Error('listen'), { code })
    const found = listenError(error, settings, 80)
    t.equal(found?.problem, problem)
    t.equal(found?.cause, error)
    t.match(found?.remedy, /ADMIN_(PORT|HOST) to /)
  }
  t.equal(listenError(Object.assign(new Error(), { code: 'EOTHER' }), settings, 80), undefined)
})
