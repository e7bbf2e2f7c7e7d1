/** The checks of `npm run release`, in a repository with a release v0.1.0. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const SCRIPT = join(import.meta.dirname, '../../deploy/release.ts')

t.test('release --check', async (t) => {
  const cwd = t.testdir()
  cpSync('migrations', join(cwd, 'migrations'), { recursive: true })
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  const write = (file: string, content: string) => writeFileSync(join(cwd, file), content)
  const commit = (version: string, changelog: string) => {
    write('package.json', JSON.stringify({ version }))
    write('CHANGELOG.md', `# Changelog\n\n## ${changelog}\n`)
    git('add', '.')
    git('commit', '--quiet', '--message', 'change')
  }
  const check = () => {
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, '--check'], { cwd, encoding: 'utf8' })
    return [status, stderr]
  }
  git('init', '--quiet')
  commit('0.1.0', 'Unreleased')
  t.same(check(), [1, 'CHANGELOG.md has no section "## 0.1.0": rename "Unreleased"\n'])
  commit('0.1.0', '0.1.0')
  t.same(check(), [0, ''])
  git('tag', 'v0.1.0')
  t.same(check(), [1, 'the tag v0.1.0 exists: raise the version\n'])
  write('migrations/0099-gap.sql', 'select 1;\n')
  commit('0.2.0', '0.2.0')
  t.match(check(), [1, /^migrations\/0099-gap\.sql is not number \d+ of the migrations\n$/])
  git('reset', '--quiet', '--hard', 'v0.1.0')
  const first = 'migrations/0001-accounts.sql'
  write(first, `${readFileSync(first, 'utf8')}-- changed\n`)
  commit('0.2.0', '0.2.0')
  t.same(check(), [1, 'a migration of v0.1.0 has changed: add a new one instead\n'])
})
