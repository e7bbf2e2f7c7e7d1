import { spawnSync } from 'node:child_process'
import type { Test } from 'tap'

/** A program of the system must be content with this; where it is not installed, the test says so. */
export function passes(t: Test, tool: string, args: string[], input = '') {
  const { error, status, stdout, stderr } = spawnSync(tool, args, { input, encoding: 'utf8' })
  const name = `${tool} ${args.join(' ')}`
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    t.pass(`${tool}`, { skip: `${tool} is not installed` })
  else if (error) throw error
  else t.equal(status, 0, status === 0 ? name : `${name}\n${stdout}${stderr}`)
  return stdout ?? ''
}
