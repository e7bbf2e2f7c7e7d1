import { createPackedRecords } from './packed-records.ts'

/** What Tratta holds of one thing: the fields as they were sent, and the uuid that Tratta gave it. */
export interface Resource {
  uuid: string
  external_id?: string
  [field: string]: unknown
}

/** Resources of one kind, in the order of their creation, keyed by external_id, or by uuid if they have none. */
export interface Shelf<R extends Resource = Resource> {
  readonly size: number
  has(key: string): boolean
  /** By external_id or by uuid. What it gives is a snapshot: a later update makes a new object. */
  get(key: string): R | undefined
  /** The uuid of what is under this key, without reading it. */
  uuidOf(key: string): string | undefined
  keys(): IterableIterator<string>
  values(): Generator<R>
}

export interface WritableShelf<R extends Resource = Resource> extends Shelf<R> {
  nextUuid(): string
  save(resource: R): void
  /** Puts away what will hardly be touched again, to save memory. */
  pack(uuid: string): void
}

/** @param mark one hexadecimal digit that begins every uuid of this kind */
export function createShelf<R extends Resource>(mark: string): WritableShelf<R> {
  const numbers = new Map<string, number>()
  const loose = new Map<number, R>()
  const packed = createPackedRecords()
  // by number, from 1; -1 while loose
  const positions = [-1]

  // the number is inside the uuid: no second index of a million keys, and tests can foretell it
  const uuidAt = (number: number) => `${mark}0000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
  const numberIn = (uuid: string) => Number.parseInt(uuid.slice(24), 16)

  function numberOf(key: string): number | undefined {
    const number = numbers.get(key)
    if (number !== undefined) return number
    const meant = numberIn(key)
    return meant > 0 && meant < positions.length && uuidAt(meant) === key ? meant : undefined
  }

  const read = (number: number) => loose.get(number) ?? (JSON.parse(packed.read(positions[number]!)) as R)

  return {
    get size() {
      return numbers.size
    },
    has: (key) => numberOf(key) !== undefined,
    get(key) {
      const number = numberOf(key)
      return number === undefined ? undefined : read(number)
    },
    uuidOf(key) {
      const number = numberOf(key)
      return number === undefined ? undefined : uuidAt(number)
    },
    keys: () => numbers.keys(),
    *values() {
      for (const number of numbers.values()) yield read(number)
    },
    nextUuid: () => uuidAt(positions.length),
    save(resource) {
      const number = numberIn(resource.uuid)
      // a resource that had none before may be given an external_id
      if (resource.external_id !== undefined) numbers.delete(resource.uuid)
      numbers.set(resource.external_id ?? resource.uuid, number)
      positions[number] = -1
      loose.set(number, resource)
    },
    pack(uuid) {
      const number = numberIn(uuid)
      const resource = loose.get(number)
      if (!resource) return
      positions[number] = packed.add(JSON.stringify(resource))
      loose.delete(number)
    },
  }
}
