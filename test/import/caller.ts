/**
 * Calls at a constant rate out of a process of its own, so that nothing else it does makes an answer look late:
 * node test/import/caller.ts URL CALLS_A_SECOND. At the end of its input it prints them, as JSON.
 */
import { text } from 'node:stream/consumers'
import { callAtRate } from '../calls.ts'

const [url, perSecond] = process.argv.slice(2)
const calls = callAtRate(url!, Number(perSecond))
await text(process.stdin)
console.log(JSON.stringify(await calls.stop()))
