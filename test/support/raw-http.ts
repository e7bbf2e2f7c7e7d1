/** HTTP as bytes on a connection, for requests that no HTTP client sends. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Sends bytes and returns all received bytes when the other side closes the connection. */
export function exchange(url: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('utf8').on('data', (text) => {
      received += text
    })
    socket.on('close', () => resolve(received)).on('error', reject)
  })
}

/** A connection that sends nothing. */
export async function openConnection(url: string, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

export interface RawResponse {
  status: number
  headers: Record<string, string>
  body: unknown
}

/** Splits what `exchange` returns into its responses. Each must have a Content-Length and a JSON body. */
export function readResponses(text: string): RawResponse[] {
  const responses: RawResponse[] = []
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    const end = rest.indexOf('\r\n\r\n')
    const [first = '', ...lines] = rest.toString('utf8', 0, end).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => {
        const [name = '', value = ''] = line.split(/: ?(.*)/s)
        return [name.toLowerCase(), value]
      }),
    )
    const bodyEnd = end + 4 + Number(headers['content-length'])
    const body = JSON.parse(rest.toString('utf8', end + 4, bodyEnd))
    responses.push({ status: Number(first.split(' ')[1]), headers, body })
    rest = rest.subarray(bodyEnd)
  }
  return responses
}
