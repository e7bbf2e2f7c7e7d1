/** The process of the slow clients: PORT, the number of slow clients, the number of idle ones. It ends with its parent. */
import { connect, type Socket } from 'node:net'

/** Sent to the parent several times a second. */
export interface SlowClients {
  open: number
  /** How often a slow client was disconnected, and began again. */
  cut: number
  /** How often an idle client was disconnected. */
  idleClosed: number
}

/** What each begins with; the first kind continues with one byte a second. */
const BEGINNINGS = ['GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'GET /jit/', '']

/** An idle client opens its next connection after this time. */
const IDLE_PAUSE_MS = 1000

const [port, clients, idleClients] = process.argv.slice(2).map(Number)
const dribbling = new Set<Socket>()
const seen: SlowClients = { open: 0, cut: 0, idleClosed: 0 }

function begin(kind: number) {
  let isOpen = false
  const socket = connect(port!, '127.0.0.1', () => {
    isOpen = true
    seen.open += 1
    if (kind === 0) dribbling.add(socket)
    socket.write(BEGINNINGS[kind]!)
  })
  socket.on('error', () => {})
  socket.resume()
  socket.on('close', () => {
    dribbling.delete(socket)
    if (isOpen) {
      seen.open -= 1
      seen.cut += 1
    }
    begin(kind)
  })
}

/** A connection that sends nothing. */
function beIdle() {
  const socket = connect(port!, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.on('close', () => {
    seen.idleClosed += 1
    setTimeout(beIdle, IDLE_PAUSE_MS)
  })
}

for (let client = 0; client < idleClients!; client++) beIdle()
for (let client = 0; client < clients!; client++) begin(client % BEGINNINGS.length)
setInterval(() => {
  for (const socket of dribbling) socket.write('x')
}, 1000)
setInterval(() => process.send?.(seen), 100)
process.on('disconnect', () => process.exit())
// Ctrl-C reaches all of the group; who started this then ends it.
process.on('SIGINT', () => {})
