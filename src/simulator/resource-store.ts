import { createCompressedRecords } from './compressed-records.ts'
import type { SimulatorSettings } from './settings.ts'

/** The fields that were sent, and the uuid that Tratta assigned. */
export interface Resource {
  uuid: string
  external_id?: string
  [field: string]: unknown
}

/** Resources of one type in order of creation, keyed by external_id, or by uuid if they have none. */
export interface ResourceStore<R extends Resource = Resource> {
  readonly size: number
  has(key: string): boolean
  /** By external_id or uuid. Returns a snapshot: an update stores a new object. */
  get(key: string): R | undefined
  /** The uuid of the resource, without decompressing it. */
  uuidOf(key: string): string | undefined
  keys(): IterableIterator<string>
  values(): Generator<R>
}

export interface WritableResourceStore<R extends Resource = Resource> extends ResourceStore<R> {
  nextUuid(): string
  save(resource: R): void
  /** Compresses a resource that will rarely be used again, to save memory. */
  compress(uuid: string): void
}

/** As a MySQL collation that ignores case, trailing blanks and Unicode composition. */
const fold = (id: string) => id.normalize('NFC').trimEnd().toLowerCase()

/**
 * @param prefix one hexadecimal digit, the first of every uuid of this type
 * @param settings `idComparison` decides how an external_id is compared
 */
export function createResourceStore<R extends Resource>(
  prefix: string,
  settings: () => Pick<SimulatorSettings, 'idComparison'>,
): WritableResourceStore<R> {
  const numbers = new Map<string, number>()
  // The stored external_id by the folded one. Built when it is needed, to save memory.
  let stored: Map<string, string> | undefined
  const uncompressed = new Map<number, R>()
  const compressed = createCompressedRecords()
  // By number, from 1; -1 while the resource is not compressed.
  const positions = [-1]

  // The uuid contains the number: this saves an index of a million keys, and tests can predict uuids.
  const toUuid = (number: number) =>
    `${prefix}0000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
  const toNumber = (uuid: string) => Number.parseInt(uuid.slice(24), 16)

  const isFolded = () => settings().idComparison === 'folded'

  function storedId(id: string): string | undefined {
    stored ??= new Map([...numbers.keys()].map((key) => [fold(key), key]))
    return stored.get(fold(id))
  }

  function findNumber(key: string): number | undefined {
    const number = numbers.get(key) ?? (isFolded() ? numbers.get(storedId(key) ?? '') : undefined)
    if (number !== undefined) return number
    const fromUuid = toNumber(key)
    return fromUuid > 0 && fromUuid < positions.length && toUuid(fromUuid) === key ? fromUuid : undefined
  }

  const read = (number: number) =>
    uncompressed.get(number) ?? (JSON.parse(compressed.read(positions[number]!)) as R)

  return {
    get size() {
      return numbers.size
    },
    has: (key) => findNumber(key) !== undefined,
    get(key) {
      const number = findNumber(key)
      return number === undefined ? undefined : read(number)
    },
    uuidOf(key) {
      const number = findNumber(key)
      return number === undefined ? undefined : toUuid(number)
    },
    keys: () => numbers.keys(),
    *values() {
      for (const number of numbers.values()) yield read(number)
    },
    nextUuid: () => toUuid(positions.length),
    save(resource) {
      const number = toNumber(resource.uuid)
      // A resource that was keyed by its uuid may get an external_id.
      if (resource.external_id !== undefined) numbers.delete(resource.uuid)
      if (resource.external_id !== undefined && isFolded()) {
        const before = storedId(resource.external_id)
        if (before !== undefined && before !== resource.external_id) numbers.delete(before)
        stored?.set(fold(resource.external_id), resource.external_id)
      } else stored = undefined
      numbers.set(resource.external_id ?? resource.uuid, number)
      positions[number] = -1
      uncompressed.set(number, resource)
    },
    compress(uuid) {
      const number = toNumber(uuid)
      const resource = uncompressed.get(number)
      if (!resource) return
      positions[number] = compressed.add(JSON.stringify(resource))
      uncompressed.delete(number)
    },
  }
}
