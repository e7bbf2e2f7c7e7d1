/**
 * `npm run release`: checks version, changelog and migrations, then writes the SBOM, the image if docker or buildah is
 * installed, and checksums into release/. `--check` only checks.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const FOLDER = 'release'

const output = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 100_000_000 })

function findProblems(version: string): string[] {
  const problems: string[] = []
  if (!/^\d+\.\d+\.\d+$/.test(version)) problems.push(`package.json: ${version} is not a version x.y.z`)
  if (!readFileSync('CHANGELOG.md', 'utf8').includes(`\n## ${version}`))
    problems.push(`CHANGELOG.md has no section "## ${version}": rename "Unreleased"`)
  const migrations = globSync('migrations/*.sql').sort()
  for (const [at, file] of migrations.entries())
    if (Number.parseInt(basename(file), 10) !== at + 1)
      problems.push(`${file} is not number ${at + 1} of the migrations`)
  const tags = output('git', 'tag', '--list', 'v*', '--sort=-version:refname').split('\n').filter(Boolean)
  if (tags.includes(`v${version}`)) problems.push(`the tag v${version} exists: raise the version`)
  // A migration of a release never changes, and is never removed.
  if (tags[0] && output('git', 'diff', '--name-only', '--diff-filter=a', tags[0], '--', 'migrations') !== '')
    problems.push(`a migration of ${tags[0]} has changed: add a new one instead`)
  if (output('git', 'status', '--porcelain') !== '') problems.push('there are changes that are not committed')
  return problems
}

/** @returns the name of the file of the image; undefined without a program that builds images */
function buildImage(version: string): string | undefined {
  const tag = `tratta-jit:${version}`
  const file = `tratta-jit-${version}.image.tar`
  const builders = {
    docker: [
      ['build', '--tag', tag, '.'],
      ['save', '--output', join(FOLDER, file), tag],
    ],
    buildah: [
      ['build', '--tag', tag, '.'],
      ['push', tag, `docker-archive:${join(FOLDER, file)}`],
    ],
  }
  for (const [program, commands] of Object.entries(builders)) {
    if (spawnSync(program, ['info'], { stdio: 'ignore' }).status !== 0) continue
    const isBuilt = commands.every((args) => spawnSync(program, args, { stdio: 'inherit' }).status === 0)
    return isBuilt ? file : undefined
  }
  return undefined
}

function release(isCheck: boolean): number {
  const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'))
  const problems = findProblems(version)
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) return 1
  if (isCheck) return 0
  mkdirSync(FOLDER, { recursive: true })
  const sbom = output('npm', 'sbom', '--package-lock-only', '--sbom-format', 'cyclonedx', '--omit', 'dev')
  writeFileSync(join(FOLDER, `tratta-jit-${version}.cdx.json`), sbom)
  const image = buildImage(version)
  if (!image) console.error('No image: docker and buildah are missing or failed')
  const files = readdirSync(FOLDER).filter((name) => name.startsWith(`tratta-jit-${version}.`))
  const sums = files.map((name) => {
    const hash = createHash('sha256').update(readFileSync(join(FOLDER, name)))
    return `${hash.digest('hex')}  ${name}\n`
  })
  writeFileSync(join(FOLDER, 'SHA256SUMS'), sums.join(''))
  console.log(`${FOLDER}/: ${[...files, 'SHA256SUMS'].join(', ')}. Then: git tag v${version}`)
  return image ? 0 : 1
}

process.exitCode = release(process.argv.includes('--check'))
