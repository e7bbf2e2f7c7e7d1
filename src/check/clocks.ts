/** Checks whether the clocks of Postgres, Tratta and this machine agree. */
import { check, ok, skipped, warning } from './check.ts'

/** A larger difference breaks certificates and the order of log lines. */
const MAX_MS = 5000

export const clocks = check({
  name: 'clocks',
  async run({ clocks }) {
    const off = clocks.filter(({ aheadMs, uncertainMs }) => Math.abs(aheadMs) - uncertainMs > MAX_MS)
    if (off.length > 0)
      return off.map(({ of, aheadMs }) => {
        const seconds = Math.round(Math.abs(aheadMs) / 1000)
        return warning(
          `the clock of this machine is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the clock of ${of}`,
          'synchronize both with the same time servers (NTP)',
        )
      })
    if (clocks.length === 0) return [skipped('no other clock could be read')]
    return [ok(`${clocks.map(({ of }) => of).join(', ')} and this machine agree within ${MAX_MS / 1000} s`)]
  },
})
