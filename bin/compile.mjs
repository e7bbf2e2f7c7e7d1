/** Compiles the program into NODE_COMPILE_CACHE, when the image is built. */
import { globSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Needs development packages, which the image does not have. */
const NOT_IN_IMAGE = 'demo.ts'

const commands = globSync(fileURLToPath(new URL('../src/commands/*.ts', import.meta.url)))
for (const file of commands) if (basename(file) !== NOT_IN_IMAGE) await import(file)
await import('../src/responder/health-check.ts')
