/**
 * Sends calls at a constant rate from its own process, so that no other work delays the measurement:
 * node test/import/send-calls.ts URL CALLS_PER_SECOND. At the end of its input it prints the calls as JSON.
 */
import { text } from 'node:stream/consumers'
import { callAtRate } from '../support/calls.ts'

const [url, perSecond] = process.argv.slice(2)
const calls = callAtRate(url!, Number(perSecond))
await text(process.stdin)
console.log(JSON.stringify(await calls.stop()))
