/** Lists which readings of Tratta's API are assumed, known by `probe`, or contradicted by a setting. */
import type { Config } from '../config.ts'
import { READING_SOURCES, readingsFrom } from '../tratta/readings.ts'
import { readStoredReadings, type StoredReading } from '../tratta/readings-store.ts'
import { type CheckResult, check, ok, warning } from './check.ts'

export const readings = check({
  name: 'readings',
  needs: ['pool'],
  settings: ['TRATTA_API_URL'],
  async run(context) {
    const { pool, config } = context
    const stored = await readStoredReadings(pool, config.TRATTA_API_URL)
    context.readings = readingsFrom(config, stored)
    const known = new Map(stored.map((reading) => [reading.name, reading]))
    return [
      ...stored.filter(({ result }) => result === 'unsupported').map(unsupportedResult),
      ...contradictions(config, known),
      ok(summary(known)),
    ]
  },
})

const day = ({ learnedAt }: StoredReading) => learnedAt.toISOString().slice(0, 10)

const unsupportedResult = (reading: StoredReading): CheckResult =>
  warning(
    `not supported: ${reading.name}: ${reading.found} (found by \`probe\` ${day(reading)}). ${reading.effect ?? ''}`.trim(),
    'ask Tratta whether this can change; then run `tratta-jit probe` again',
  )

function contradictions(config: Partial<Config>, known: Map<string, StoredReading>): CheckResult[] {
  const bySetting = Object.values(READING_SOURCES).flatMap(({ experiment, setting, parse }) => {
    const reading = known.get(experiment)
    const value = config[setting]
    const found = reading && parse(reading.value)
    if (value === undefined || found === undefined) return []
    const isContradicted = typeof found === 'number' ? Number(value) > found : value !== found
    return isContradicted ? [contradicted(`${setting} is ${value}`, reading!)] : []
  })
  const above = (setting: 'JIT_DEADLINE_MS' | 'TRATTA_REQUESTS_PER_MINUTE', experiment: string) => {
    const reading = known.get(experiment)
    const value = config[setting]
    return reading && value !== undefined && value >= Number(reading.value) && reading.result !== 'as_assumed'
      ? [contradicted(`${setting} is ${value}`, reading)]
      : []
  }
  return [
    ...bySetting,
    ...above('JIT_DEADLINE_MS', 'call_timeout'),
    ...above('TRATTA_REQUESTS_PER_MINUTE', 'rate_limit'),
  ]
}

const contradicted = (setting: string, reading: StoredReading): CheckResult =>
  warning(
    `${setting}, which contradicts ${reading.name}: ${reading.found} (found by \`probe\` ${day(reading)})`,
    'change or remove the setting, or run `tratta-jit probe` again',
  )

function summary(known: Map<string, StoredReading>): string {
  const names = Object.values(READING_SOURCES).map(({ experiment }) => experiment)
  const assumed = names.filter((name) => !known.has(name))
  if (known.size === 0)
    return `Tratta's behavior is assumed (${names.join(', ')}): \`tratta-jit probe\` finds it out at a sandbox`
  const texts = [...known.values()].map((reading) => `${reading.name} ${reading.value} (${day(reading)})`)
  return `known: ${texts.join(', ')}${assumed.length > 0 ? `; assumed: ${assumed.join(', ')}` : ''}`
}
