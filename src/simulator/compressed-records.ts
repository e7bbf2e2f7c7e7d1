import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

const RECORDS_PER_BLOCK = 512
const MAX_CHARACTERS_PER_BLOCK = 1 << 20
const fast = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/**
 * JSON texts, compressed in blocks outside the JavaScript heap. A million customers with their accounts need
 * about a gigabyte as objects and a tenth of that here.
 */
export function createCompressedRecords() {
  const blocks: Buffer[] = []
  let open: string[] = []
  let openCharacters = 0
  let cached = { block: -1, records: [] as string[] }

  return {
    /** Stores one line of JSON and returns its position. */
    add(json: string): number {
      const position = blocks.length * RECORDS_PER_BLOCK + open.length
      open.push(json)
      openCharacters += json.length
      if (open.length === RECORDS_PER_BLOCK || openCharacters > MAX_CHARACTERS_PER_BLOCK) {
        blocks.push(zstdCompressSync(open.join('\n'), fast))
        open = []
        openCharacters = 0
      }
      return position
    },
    /** @param position from `add` */
    read(position: number): string {
      const block = Math.floor(position / RECORDS_PER_BLOCK)
      const index = position % RECORDS_PER_BLOCK
      if (block === blocks.length) return open[index]!
      if (cached.block !== block) {
        cached = { block, records: zstdDecompressSync(blocks[block]!).toString().split('\n') }
      }
      return cached.records[index]!
    },
  }
}
