/** Compares the manifests with the types of Kubernetes, with each other, and with the settings of the service. */
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts'
import type { CronJob, Job } from 'kubernetes-types/batch/v1.d.ts'
import type { ConfigMap, PodSpec, Service } from 'kubernetes-types/core/v1.d.ts'
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { ANNOUNCE_STOP_MS } from '../../src/responder/responder.ts'
import { SETTINGS } from '../../src/settings.ts'
import { freePort } from '../support/child-process.ts'
import { MINIMUM, testDatabase } from '../support/database.ts'
import { run, SECRET, startCommand } from '../support/program.ts'
import { passes } from '../support/run-external-program.ts'
import { startSimulator } from '../support/simulator.ts'

const BASE = 'deploy/kubernetes/base'
const SITE = 'deploy/kubernetes/site'
/** A resource of the Prometheus Operator. */
const NOT_OF_KUBERNETES = 'ServiceMonitor'

interface Manifest {
  apiVersion: string
  kind: string
}

const manifests = globSync([`${BASE}/*.yaml`, `${SITE}/*.yaml`])
  .filter((file) => basename(file) !== 'kustomization.yaml')
  .flatMap((file) => parseAllDocuments(readFileSync(file, 'utf8')))
  .map((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    return document.toJS() as Manifest
  })
const findAll = <Kind>(kind: string) => manifests.filter((manifest) => manifest.kind === kind) as Kind[]
const find = <Kind>(kind: string) => findAll<Kind>(kind)[0]!

interface Kustomization {
  resources: string[]
  images?: { name: string }[]
  patches?: { target?: { kind: string; name: string }; patch: string }[]
}
const kustomization = (folder: string): Kustomization =>
  parse(readFileSync(`${folder}/kustomization.yaml`, 'utf8'))

const siteSettings = (): Record<string, string> =>
  parse(kustomization(SITE).patches!.find(({ target }) => !target)!.patch).data

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
    'CronJob',
    'CronJob',
    'Deployment',
    'Ingress',
    'Job',
    'Namespace',
    'NetworkPolicy',
    'NetworkPolicy',
    'PodDisruptionBudget',
    'Service',
    'Service',
    'ServiceMonitor',
  ])
  const typed = manifests.filter(({ kind }) => kind !== NOT_OF_KUBERNETES)
  t.equal(typeErrorsOf(typed), '')
  const misspelled = JSON.parse(JSON.stringify(typed).replace('"readinessProbe"', '"readynessProbe"'))
  t.match(typeErrorsOf(misspelled), /readynessProbe/, 'an unknown name is an error')
  passes(t, 'kubectl', ['kustomize', SITE])
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
  for (const [name, value] of Object.entries({ ...data!, ...siteSettings() })) {
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

t.test('the kustomizations name every file, and each patch changes something that exists', async (t) => {
  const files = (folder: string) =>
    globSync(`${folder}/*.yaml`)
      .map((file) => basename(file))
      .filter((file) => file !== 'kustomization.yaml')
  t.same([...kustomization(BASE).resources].sort(), files(BASE).sort())
  t.same([...kustomization(SITE).resources].sort(), ['../base', ...files(SITE)].sort())
  const named = manifests as (Manifest & { metadata: { name: string } })[]
  for (const { target, patch } of kustomization(SITE).patches!) {
    const parsed = parse(patch)
    const { kind, name } = target ?? { kind: parsed.kind, name: parsed.metadata.name }
    const patched = named.find(({ kind: one, metadata }) => one === kind && metadata.name === name)
    t.ok(patched, `${kind} ${name}`)
    if (!target) {
      for (const setting of Object.keys(parsed.data)) t.ok(Object.hasOwn(SETTINGS, setting), setting)
      continue
    }
    for (const { op, path, value } of parsed) {
      const keys: string[] = path.split('/').slice(1)
      // biome-ignore lint/suspicious/noExplicitAny: a path into any manifest
      const old = keys.reduce((part: any, key) => part?.[key], patched)
      t.same({ op, type: typeof old }, { op: 'replace', type: typeof value }, path)
    }
  }
})

t.test('every pod is unprivileged, and uses commands that exist', async (t) => {
  const jobs = [
    find<Job>('Job').spec!,
    ...findAll<CronJob>('CronJob').map(({ spec }) => spec!.jobTemplate.spec!),
  ]
  const deployed = find<Deployment>('Deployment').spec!.template.spec!
  const pods: PodSpec[] = [deployed, ...jobs.map(({ template }) => template.spec!)]
  const help = (await run(t, ['help'])).stdout
  for (const { containers, securityContext, automountServiceAccountToken } of pods) {
    const [container] = containers
    t.same(securityContext, deployed.securityContext)
    t.same(container!.securityContext, deployed.containers[0]!.securityContext)
    t.equal(automountServiceAccountToken, false)
    const [program, command] = container!.args!
    t.equal(program, 'tratta-jit')
    t.match(help, new RegExp(`^ {2}${command}\\b`, 'm'))
  }
  const jobLabels = jobs.map(({ template }) => template.metadata!.labels)
  for (const { spec } of findAll<Service>('Service'))
    for (const labels of jobLabels) t.notSame(labels, spec!.selector, 'no service sends calls to a job')
  const policies = findAll<NetworkPolicy>('NetworkPolicy').map(({ spec }) => spec!.podSelector!.matchLabels)
  for (const labels of jobLabels) t.ok(policies.some((one) => JSON.stringify(one) === JSON.stringify(labels)))
})

t.test('with the settings of the site and the files of the Secrets, the pods answer a trigger', async (t) => {
  const database = await testDatabase(t, { migrated: false })
  const { simulator } = await startSimulator(t)
  const folder = t.testdir({
    'database-url': database.url,
    'jit-secret': SECRET,
    'tratta-api-token': 'simulated-token',
  })
  const [port, adminPort] = [await freePort(), await freePort()]
  const env = Object.fromEntries(
    Object.entries({
      ...find<ConfigMap>('ConfigMap').data!,
      ...siteSettings(),
      TRATTA_API_URL: simulator.url,
      TRATTA_REGISTER: 'auto',
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      HOST: '127.0.0.1',
      ADMIN_HOST: '127.0.0.1',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
    }).map(([name, value]) => [name, value.replace('/run/secrets/tratta-jit', folder)]),
  )
  const start = (args: string[], env: Record<string, string>) =>
    startCommand(t, [process.execPath, 'bin/tratta-jit.mjs', ...args.slice(1)], env)
  const migration = find<Job>('Job').spec!.template.spec!.containers[0]!
  const owner = Object.fromEntries(
    migration.env!.map(({ name, value = '' }) => [
      name,
      value.replace('/run/secrets/tratta-jit-owner', folder),
    ]),
  )
  t.match(await start(migration.args!, owner).ended, { code: 0 })
  await database.query(MINIMUM)
  const serving = start(find<Deployment>('Deployment').spec!.template.spec!.containers[0]!.args!, env)
  await serving.line(({ event }) => event === 'registered')
  t.match(await run(t, ['trigger', '123456', '--json'], env), { code: 0, lines: [{ accepted: true }] })
})
