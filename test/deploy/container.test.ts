/** Compares Dockerfile and docker-compose.yml with the program. test/container/prove.sh runs them. */
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { SETTINGS } from '../../src/settings.ts'
import { readCompose } from '../container/compose.ts'
import { passes } from '../support/run-external-program.ts'

const dockerfile = readFileSync('Dockerfile', 'utf8')
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))

t.test('Dockerfile', async (t) => {
  const [, version] = /^FROM node:([\d.]+)-\w+-slim AS/m.exec(dockerfile) ?? []
  t.equal(version, manifest.devDependencies.node, 'the version of Node that runs the tests')
  t.match(dockerfile, `org.opencontainers.image.version=${manifest.version} `)
  const [, cmd = ''] = /^CMD (.*)$/m.exec(dockerfile) ?? []
  const [, health = ''] = /^HEALTHCHECK .* CMD (.*)$/m.exec(dockerfile) ?? []
  t.same(JSON.parse(cmd), ['tratta-jit', 'serve'])
  t.ok(existsSync(JSON.parse(health)[2]))
  t.match(dockerfile, '#!/usr/local/bin/node --disable-sigusr1')
  t.match(dockerfile, `ln -s /app/${manifest.bin['tratta-jit']} usr/local/bin/tratta-jit`)
})

t.test('docker-compose.yml', async (t) => {
  const { services, volumes } = readCompose()
  t.same(Object.keys(services), ['secrets', 'database', 'tratta', 'responder', 'accounts'])
  for (const [name, { depends_on = {}, volumes: mounted = [], ports = [] }] of Object.entries(services)) {
    for (const other of Object.keys(depends_on))
      t.ok(services[other], `${name} depends on ${other}, which exists`)
    for (const volume of mounted) {
      const [from = ''] = volume.split(':')
      t.ok(
        from.startsWith('./') ? existsSync(from) : Object.hasOwn(volumes, from),
        `${name} mounts ${from}, which exists`,
      )
    }
    for (const port of ports) t.match(port, /^127\.0\.0\.1:/, 'ports are published on loopback only')
  }
  for (const name of Object.keys(services.responder!.environment!))
    t.ok(Object.hasOwn(SETTINGS, name.replace(/_FILE$/, '')), name)
  for (const name of ['secrets', 'tratta', 'responder']) t.equal(services[name]!.read_only, true)
  passes(t, 'docker-compose', ['config', '--quiet'])
})
