/** One keep-alive connection with one call at a time and little work for each call. */
import net from 'node:net'

export interface Target {
  host: string
  port: number
}

/** Tratta's timeout. */
export const TIMEOUT_MS = 10_000
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)\r\n/i
const BUFFER_BYTES = 64 * 1024

export class Connection {
  busy = false
  /** When the latency of the current call starts, by performance.now(). */
  countsFrom = 0
  sentAt = 0

  readonly #target: Target
  readonly #done: (connection: Connection, outcome: number | string) => void
  #socket: net.Socket | undefined
  /** The received part of a response head that arrived in pieces. */
  #head = ''
  #status = 0
  #bytesMissing = 0

  /** @param done gets the HTTP status, or an error message */
  constructor(target: Target, done: (connection: Connection, outcome: number | string) => void) {
    this.#target = target
    this.#done = done
  }

  /** Opens the connection when there is none. */
  send(request: string, countsFrom: number, now: number) {
    this.busy = true
    this.countsFrom = countsFrom
    this.sentAt = now
    this.#socket ??= this.#open()
    this.#socket.write(request, 'latin1')
  }

  /** Closes the connection; the current call fails with this reason. */
  fail(reason: string) {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#head = ''
    this.#bytesMissing = 0
    if (this.busy) this.#settle(reason)
  }

  close() {
    this.busy = false
    this.fail('')
  }

  #open() {
    const socket = net.connect({
      ...this.#target,
      noDelay: true,
      // One buffer for all answers, instead of a new one for each.
      onread: {
        buffer: Buffer.allocUnsafe(BUFFER_BYTES),
        callback: (size, buffer) => {
          this.#read(size, buffer as Buffer)
          return true
        },
      },
    })
    const gone = (reason: string) => {
      // An old socket may emit 'close' after a new one was opened.
      if (this.#socket === socket) this.fail(reason)
    }
    socket.on('error', (error: NodeJS.ErrnoException) => gone(error.code ?? error.message))
    socket.on('close', () => gone('closed by the server'))
    return socket
  }

  #read(size: number, buffer: Buffer) {
    if (this.#bytesMissing > 0) this.#bytesMissing -= size
    else {
      const text = this.#head + buffer.toString('latin1', 0, size)
      const end = text.indexOf('\r\n\r\n') + 4
      if (end < 4) {
        this.#head = text
        return
      }
      this.#head = ''
      const length = CONTENT_LENGTH.exec(text)
      if (!length || length.index > end) return this.fail('an answer without Content-Length')
      this.#status = Number(text.slice(9, 12))
      this.#bytesMissing = end + Number(length[1]) - text.length
    }
    if (this.#bytesMissing < 0 || !this.busy) this.fail('more bytes than the answer has')
    else if (this.#bytesMissing === 0) this.#settle(this.#status)
  }

  #settle(outcome: number | string) {
    this.busy = false
    this.#done(this, outcome)
  }
}

/** Ends every call that exceeds the timeout, until `stop()`. */
export function giveUp(connections: Connection[]) {
  const timer = setInterval(() => {
    const now = performance.now()
    for (const connection of connections)
      if (connection.busy && now - connection.sentAt > TIMEOUT_MS) connection.fail('no answer in 10 s')
  }, 250)
  return { stop: () => clearInterval(timer) }
}
