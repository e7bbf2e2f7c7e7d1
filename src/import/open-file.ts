/** The bytes of a file or of standard input, unpacked where they are gzip. */
import { createReadStream, open } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { addAbortSignal, pipeline, Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'

/** A file that cannot be read to its end. Its message says what to do, and holds no value. */
export class UnreadableFile extends Error {}

export const STANDARD_INPUT = '-'
export const nameOf = (file: string) => (file === STANDARD_INPUT ? 'standard input' : file)

const CHUNK = 64 * 1024

export interface OpenFile {
  /** Bytes of it on the disk; undefined for what comes through a pipe. */
  size: number | undefined
  /** So many of them are read. */
  read: number
  /** Unpacked, a character for a byte: whatever the encoding, a line end is one and what is cut can be written back. */
  texts: AsyncIterable<string>
}

/** @throws {UnreadableFile} here, and from `texts` */
export async function openFile(file: string, signal: AbortSignal): Promise<OpenFile> {
  const { source, size } = await sourceOf(file)
  addAbortSignal(signal, source)
  const opened: OpenFile = { size, read: 0, texts: texts() }
  return opened

  async function* bytes() {
    for await (const chunk of source) {
      opened.read += chunk.length
      yield chunk as Buffer
    }
  }

  async function* texts() {
    try {
      const [first, all] = await begun(bytes())
      const isGzip = first[0] === 0x1f && first[1] === 0x8b
      const unpacked = isGzip ? gunzipped(all) : all
      for await (const chunk of unpacked) yield (chunk as Buffer).toString('latin1')
    } catch (error) {
      throw explained(error)
    }
  }
}

async function sourceOf(file: string): Promise<{ source: Readable; size: number | undefined }> {
  if (file === STANDARD_INPUT) return { source: process.stdin, size: undefined }
  try {
    const found = await stat(file)
    if (found.isDirectory()) throw new UnreadableFile('It is a folder: name the files in it')
    // Read like a file, a pipe without news would keep the program from ending.
    if (found.isFIFO())
      return {
        source: new Socket({ fd: await promisify(open)(file, 'r'), writable: false }),
        size: undefined,
      }
    return {
      source: createReadStream(file, { highWaterMark: CHUNK }),
      size: found.isFile() ? found.size : undefined,
    }
  } catch (error) {
    throw explained(error)
  }
}

/** Its first two bytes, by which gzip is known, and all of it. */
async function begun(chunks: AsyncGenerator<Buffer>): Promise<[Buffer, AsyncIterable<Buffer>]> {
  let first = Buffer.alloc(0)
  while (first.length < 2) {
    const { value, done } = await chunks.next()
    if (done) break
    first = Buffer.concat([first, value])
  }
  async function* all() {
    yield first
    yield* chunks
  }
  return [first, all()]
}

function gunzipped(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // Its errors come out of the iteration.
  return pipeline(Readable.from(chunks), createGunzip({ chunkSize: CHUNK }), () => {})
}

function explained(error: unknown) {
  if (!(error instanceof Error) || error instanceof UnreadableFile) return error
  const { code, name } = error as NodeJS.ErrnoException
  if (name === 'AbortError' || code === undefined) return error
  if (code === 'Z_BUF_ERROR')
    return new UnreadableFile('Its gzip data ends too early: it was not copied whole')
  if (code.startsWith('Z_')) return new UnreadableFile('Its gzip data is damaged: copy it again')
  return new UnreadableFile(code === 'ENOENT' ? 'There is no such file' : `It cannot be read (${code})`)
}
