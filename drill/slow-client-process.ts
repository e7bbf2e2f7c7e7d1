/** `slow-client-process.ts PORT SLOW IDLE`: opens this number of slow and idle connections. Ends with its parent. */
import { connect, type Socket } from 'node:net'

/** Sent to the parent ten times a second. */
export interface SlowClients {
  open: number
  /** The number of times a slow client was disconnected and reconnected. */
  disconnected: number
  /** The number of times an idle client was disconnected. */
  idleClosed: number
}

/** The first bytes of each kind of slow client. The first kind continues with one byte a second. */
const FIRST_BYTES = ['GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'GET /jit/', '']

/** The time after which an idle client reconnects. */
const IDLE_PAUSE_MS = 1000

const [port, clients, idleClients] = process.argv.slice(2).map(Number)
const sending = new Set<Socket>()
const seen: SlowClients = { open: 0, disconnected: 0, idleClosed: 0 }

function openSlow(kind: number) {
  let isOpen = false
  const socket = connect(port!, '127.0.0.1', () => {
    isOpen = true
    seen.open += 1
    if (kind === 0) sending.add(socket)
    socket.write(FIRST_BYTES[kind]!)
  })
  socket.on('error', () => {})
  socket.resume()
  socket.on('close', () => {
    sending.delete(socket)
    if (isOpen) {
      seen.open -= 1
      seen.disconnected += 1
    }
    openSlow(kind)
  })
}

/** Opens a connection that sends nothing. */
function openIdle() {
  const socket = connect(port!, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.on('close', () => {
    seen.idleClosed += 1
    setTimeout(openIdle, IDLE_PAUSE_MS)
  })
}

for (let client = 0; client < idleClients!; client++) openIdle()
for (let client = 0; client < clients!; client++) openSlow(client % FIRST_BYTES.length)
setInterval(() => {
  for (const socket of sending) socket.write('x')
}, 1000)
setInterval(() => process.send?.(seen), 100)
process.on('disconnect', () => process.exit())
// Ctrl-C reaches the whole process group. The parent ends this process.
process.on('SIGINT', () => {})
