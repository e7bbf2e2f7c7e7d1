#!/usr/bin/env node
// Plain JavaScript, so that a Node that cannot run TypeScript prints what to do.
// A default import, because an older Node has no `enableCompileCache`.
import module from 'node:module'
import { fileURLToPath } from 'node:url'

const MIN_NODE = 24

if (Number.parseInt(process.versions.node, 10) < MIN_NODE) {
  process.stderr.write(
    `tratta-jit needs Node ${MIN_NODE} or newer. This is Node ${process.versions.node}.\n` +
      'In a checkout: run `npm ci`, then `npx tratta-jit`, which uses the Node of the checkout.\n' +
      'Elsewhere: install Node from https://nodejs.org\n',
  )
  process.exit(1)
}

// Without a listener SIGUSR1 opens the inspector, through which a local user can read the secret.
process.on('SIGUSR1', () => {})

try {
  process.loadEnvFile()
} catch (error) {
  if (error.code !== 'ENOENT') throw error
}
// With the cache Node starts faster and does not load its TypeScript compiler, which takes 20 MB of memory. Beside the
// packages, because other users can write to the default directory. A directory that is not writable is no error.
module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/tratta-jit', import.meta.url)))

await import('../src/cli.ts')
