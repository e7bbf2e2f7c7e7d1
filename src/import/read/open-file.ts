/** Reads the bytes of a file or of standard input, and decompresses gzip. */
import { createReadStream, open } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { addAbortSignal, pipeline, Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import { UserFacingError } from '../../user-facing-error.ts'

const STANDARD_INPUT = '-'
export const displayName = (file: string) => (file === STANDARD_INPUT ? 'standard input' : file)

const CHUNK_BYTES = 64 * 1024

interface OpenFile {
  /** Bytes on the disk; undefined for a pipe. */
  size: number | undefined
  /** Bytes read so far. */
  bytesRead: number
  /** Decompressed, one character per byte. Line ends are the same in every encoding, and raw records can be written back. */
  chunks: AsyncIterable<string>
}

/** @throws {UserFacingError} here, and from `chunks` */
export async function openFile(file: string, signal: AbortSignal): Promise<OpenFile> {
  const { source, size } = await openSource(file)
  addAbortSignal(signal, source)
  const opened: OpenFile = { size, bytesRead: 0, chunks: chunks() }
  return opened

  async function* bytes() {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      opened.bytesRead += chunk.length
      yield chunk
    }
  }

  async function* chunks() {
    try {
      const [start, all] = await peek(bytes())
      const isGzip = start[0] === 0x1f && start[1] === 0x8b
      for await (const chunk of isGzip ? gunzip(all) : all) yield chunk.toString('latin1')
    } catch (error) {
      throw asFileError(error)
    }
  }
}

async function openSource(file: string): Promise<{ source: Readable; size: number | undefined }> {
  if (file === STANDARD_INPUT) return { source: process.stdin, size: undefined }
  try {
    const stats = await stat(file)
    if (stats.isDirectory()) throw new UserFacingError('This is a folder: name the files in it')
    // A pending read of an idle pipe through `fs` would keep the process from ending.
    if (stats.isFIFO())
      return {
        source: new Socket({ fd: await promisify(open)(file, 'r'), writable: false }),
        size: undefined,
      }
    return {
      source: createReadStream(file, { highWaterMark: CHUNK_BYTES }),
      size: stats.isFile() ? stats.size : undefined,
    }
  } catch (error) {
    throw asFileError(error)
  }
}

/** @returns at least the first two bytes, which identify gzip, and the whole stream */
async function peek(chunks: AsyncGenerator<Buffer>): Promise<[Buffer, AsyncIterable<Buffer>]> {
  let start = Buffer.alloc(0)
  while (start.length < 2) {
    const { value, done } = await chunks.next()
    if (done) break
    start = Buffer.concat([start, value])
  }
  async function* all() {
    yield start
    yield* chunks
  }
  return [start, all()]
}

/** The iteration throws the errors. */
const gunzip = (chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> =>
  pipeline(Readable.from(chunks), createGunzip({ chunkSize: CHUNK_BYTES }), () => {})

function asFileError(error: unknown) {
  if (!(error instanceof Error) || error instanceof UserFacingError) return error
  const { code, name } = error as NodeJS.ErrnoException
  if (name === 'AbortError' || code === undefined) return error
  if (code === 'Z_BUF_ERROR')
    return new UserFacingError('The gzip data ends too early: the file was not copied completely')
  if (code.startsWith('Z_')) return new UserFacingError('The gzip data is damaged: copy the file again')
  return new UserFacingError(
    code === 'ENOENT' ? 'There is no such file' : `The file cannot be read (${code})`,
  )
}
