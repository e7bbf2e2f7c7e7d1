import { spawnSync } from 'node:child_process'
import type { Test } from 'tap'

/** Runs a program that must exit with 0. Skipped if it is not installed. */
export function passes(t: Test, tool: string, args: string[], input = '') {
  const { error, status, stdout, stderr } = spawnSync(tool, args, { input, encoding: 'utf8' })
  const name = `${tool} ${args.join(' ')}`
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    t.pass(`${tool}`, { skip: `${tool} is not installed` })
  else if (error) throw error
  else t.equal(status, 0, status === 0 ? name : `${name}\n${stdout}${stderr}`)
  return stdout ?? ''
}
