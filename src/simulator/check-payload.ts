import { isObject } from '../json.ts'
import { checkAccounts } from './check-accounts.ts'
import { checkResource } from './check-resource.ts'
import { isBlank } from './field-rules.ts'
import type { Sent, WritableHoldings } from './holdings.ts'
import { customerShape, locationShape } from './resource-rules.ts'
import type { SimulatorSettings } from './settings.ts'
import { addFault, type Faults, lines } from './wording.ts'

/** The `data` of an answer to a JIT request, once `checkPayload` has nothing against it. */
export interface Payload {
  location?: Sent
  customer?: Sent
  debt_account: Sent
  child_debt_accounts?: Sent[]
}

/**
 * Everything that is wrong with the answer to a JIT request (just-in-time.txt, Respond to a JIT request).
 * @param body the whole answer, as `parseJson` gives it
 * @param asked the external_id that Tratta asked about
 */
export function checkPayload(
  body: unknown,
  asked: string,
  holdings: WritableHoldings,
  settings: SimulatorSettings,
): Faults {
  const faults: Faults = new Map()
  const data = isObject(body) ? body.data : undefined
  if (!isObject(data)) {
    addFault(faults, 'data', isBlank(data) ? lines.required : lines.array)
    return faults
  }
  const { location, customer } = data
  if (
    location !== undefined &&
    checkResource(location, 'location', locationShape, holdings.locations, faults)
  ) {
    const held = holdings.findLocation(location)
    const holder = holdings.locationNamed({ ...held, ...location })
    if (holder !== undefined && holder !== held?.uuid) addFault(faults, 'location.name', lines.taken)
  }
  if (customer !== undefined) checkResource(customer, 'customer', customerShape, holdings.customers, faults)
  checkAccounts(data, asked, holdings, settings, faults)
  return faults
}
