import { isObject } from '../json.ts'
import { checkShape, type Shape } from './field-rules.ts'
import type { Sent } from './holdings.ts'
import type { Shelf } from './shelf.ts'
import { addFault, type Faults, lines } from './wording.ts'

/** Fields and identity of one resource of a JIT answer. False if it is not even an object. */
export function checkResource(
  sent: unknown,
  path: string,
  shape: Shape,
  shelf: Shelf,
  faults: Faults,
): sent is Sent {
  if (!isObject(sent)) {
    addFault(faults, path, lines.array)
    return false
  }
  checkShape(sent, `${path}.`, shape, faults)
  if (sent.uuid !== undefined) checkUuid(sent, path, shelf, faults)
  return true
}

/** A uuid must be one of ours; with it, an external_id must be the held one, or new to a resource that has none. */
function checkUuid(sent: Sent, path: string, shelf: Shelf, faults: Faults): void {
  const held = typeof sent.uuid === 'string' ? shelf.get(sent.uuid) : undefined
  if (!held || held.uuid !== sent.uuid) addFault(faults, `${path}.uuid`, lines.selected)
  else if (typeof sent.external_id !== 'string' || sent.external_id === held.external_id) return
  else if (held.external_id !== undefined) addFault(faults, `${path}.external_id`, lines.selected)
  else if (shelf.has(sent.external_id)) addFault(faults, `${path}.external_id`, lines.taken)
}
