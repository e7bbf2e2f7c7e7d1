/** Compares the manifests with the types of Kubernetes, with each other, and with the settings of the service. */
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts'
import type { ConfigMap, Service } from 'kubernetes-types/core/v1.d.ts'
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { ANNOUNCE_STOP_MS } from '../../src/responder/responder.ts'
import { SETTINGS } from '../../src/settings.ts'
import { passes } from '../support/run-external-program.ts'

const FOLDER = 'deploy/kubernetes'

interface Manifest {
  apiVersion: string
  kind: string
}

const manifests = globSync(`${FOLDER}/*.yaml`)
  .filter((file) => basename(file) !== 'kustomization.yaml')
  .flatMap((file) => parseAllDocuments(readFileSync(file, 'utf8')))
  .map((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    return document.toJS() as Manifest
  })
const find = <Kind>(kind: string) => manifests.find((manifest) => manifest.kind === kind) as Kind

/** @returns the errors of TypeScript for the manifests as values of the types of Kubernetes */
function typeErrorsOf(given: Manifest[]) {
  const folder = mkdtempSync(join(tmpdir(), 'tratta-jit-manifests-'))
  try {
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
    const lines = given.map(({ apiVersion, kind, ...rest }, at) => {
      const group = apiVersion === 'v1' ? 'core/v1' : apiVersion.replace('.k8s.io', '')
      const value = JSON.stringify({ apiVersion, kind, ...rest }, null, 1)
      return `export const manifest${at}: import('kubernetes-types/${group}').${kind} = ${value}`
    })
    writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'))
    const options = ['--noEmit', '--strict', '--module', 'preserve', '--skipLibCheck', '--ignoreConfig']
    // Without the NODE_OPTIONS of tap, with which tsc fails.
    const words = ['-u', 'NODE_OPTIONS', 'tsc', ...options, join(folder, 'manifests.ts')]
    const { stdout, stderr, status, error } = spawnSync('env', words, { encoding: 'utf8' })
    if (error) throw error
    return status === 0 ? '' : `${stdout}${stderr}`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

t.test('the manifests have the types of Kubernetes', async (t) => {
  t.same(manifests.map(({ kind }) => kind).sort(), [
    'ConfigMap',
    'Deployment',
    'Namespace',
    'NetworkPolicy',
    'PodDisruptionBudget',
    'Service',
    'Service',
  ])
  t.equal(typeErrorsOf(manifests), '')
  const misspelled = JSON.parse(JSON.stringify(manifests).replace('"readinessProbe"', '"readynessProbe"'))
  t.match(typeErrorsOf(misspelled), /readynessProbe/, 'an unknown name is an error')
  passes(t, 'kubectl', ['kustomize', FOLDER])
})

t.test('labels, ports and probes of the manifests match', async (t) => {
  const { spec } = find<Deployment>('Deployment')
  const pod = spec!.template
  const labels = pod.metadata!.labels
  t.same(spec!.selector.matchLabels, labels)
  t.same(find<PodDisruptionBudget>('PodDisruptionBudget').spec!.selector!.matchLabels, labels)
  t.same(find<NetworkPolicy>('NetworkPolicy').spec!.podSelector!.matchLabels, labels)
  const container = pod.spec!.containers[0]!
  const ports = container.ports!.map(({ name }) => name)
  t.same(ports, ['jit', 'admin'])
  const services = manifests.filter(({ kind }) => kind === 'Service') as Service[]
  for (const { spec } of services) t.same(spec!.selector, labels)
  t.same(
    services.map(({ spec }) => spec!.ports!.map(({ targetPort }) => targetPort)),
    [['jit'], ['admin']],
  )
  t.same(
    find<NetworkPolicy>('NetworkPolicy').spec!.ingress!.flatMap(({ ports }) =>
      ports!.map(({ port }) => port),
    ),
    ports,
  )
  t.ok(Number(find<PodDisruptionBudget>('PodDisruptionBudget').spec!.minAvailable) < spec!.replicas!)
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const)
    t.match(container[probe]!.httpGet, { path: /^\/health\/(live|ready)$/, port: 'jit' })
})

t.test('the settings exist and are valid, and the limits of the container match the program', async (t) => {
  const { data } = find<ConfigMap>('ConfigMap')
  const container = find<Deployment>('Deployment').spec!.template.spec!.containers[0]!
  const folder = container.volumeMounts![0]!.mountPath
  const secrets: Record<string, string> = {
    'database-url': 'postgres://user:password@database/agency',
    'jit-secret': 'x'.repeat(32),
    'tratta-api-token': 'token',
  }
  const local = mkdtempSync(join(tmpdir(), 'tratta-jit-secrets-'))
  t.teardown(() => rmSync(local, { recursive: true }))
  for (const [name, secret] of Object.entries(secrets)) writeFileSync(join(local, name), secret)
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(data!)) {
    t.ok(Object.hasOwn(SETTINGS, name.replace(/_FILE$/, '')), name)
    environment[name] = value.replace(folder, local)
  }
  const config = readConfig(environment, 'DATABASE_URL', 'JIT_SECRET', 'TRATTA_API_TOKEN', 'PUBLIC_URL')
  t.match(config, { DATABASE_URL: secrets['database-url'], JIT_SECRET: secrets['jit-secret'] })

  const { lifecycle, securityContext } = container
  const pod = find<Deployment>('Deployment').spec!.template.spec!
  const stopSeconds = (ANNOUNCE_STOP_MS + config.JIT_DEADLINE_MS) / 1000 + 1
  t.ok(
    pod.terminationGracePeriodSeconds! >= lifecycle!.preStop!.sleep!.seconds + stopSeconds,
    'Kubernetes waits longer than the stop of the service takes',
  )
  t.equal(securityContext!.readOnlyRootFilesystem, true)
  const [uid] = /\d+/.exec(/^USER (.*)$/m.exec(readFileSync('Dockerfile', 'utf8'))![1]!)!
  t.equal(String(pod.securityContext!.runAsUser), uid)
})
