/** A strict parser of Prometheus's text format (version 0.0.4). */

export interface Family {
  type: string
  help: string
  samples: { name: string; labels: Record<string, string>; value: number }[]
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/
const SAMPLE = new RegExp(`^(${NAME.source})(?:\\{(.*)\\})? (\\S+)$`)
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/
const NUMBER = /^(NaN|[+-]Inf|[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)$/i

// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: one pass over the lines of the format.
export function readExposition(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  let family: Family | undefined
  let name = ''
  const seen = new Set<string>()
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  for (const line of text.slice(0, -1).split('\n')) {
    const invalid = (what: string) => new Error(`${what}: ${line}`)
    if (line === '') continue
    const [, kind, of = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind === 'HELP') {
      if (families.has(of)) throw invalid('a family twice')
      name = of
      family = { help: rest, type: '', samples: [] }
      families.set(of, family)
    } else if (kind === 'TYPE') {
      if (!family || of !== name || family.type || family.samples.length > 0)
        throw invalid('a type without its help, or twice')
      if (!/^(counter|gauge|histogram|summary)$/.test(rest)) throw invalid('an unknown type')
      family.type = rest
    } else {
      const sample = readSample(line)
      if (!sample || !family?.type) throw invalid('not a sample of a family')
      const suffix = sample.name.startsWith(name) ? sample.name.slice(name.length) : '?'
      const allowed = { histogram: ['_bucket', '_sum', '_count'], summary: ['', '_sum', '_count'] }[
        family.type
      ]
      if (!(allowed ?? ['']).includes(suffix)) throw invalid(`not a sample of ${name}`)
      const series = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`
      if (seen.has(series)) throw invalid('a series twice')
      seen.add(series)
      family.samples.push(sample)
    }
  }
  for (const [name, { type, samples }] of families) if (type === 'histogram') checkHistogram(name, samples)
  return families
}

function readSample(line: string): Family['samples'][number] | undefined {
  const [, name, inner = '', number = ''] = SAMPLE.exec(line) ?? []
  if (!name || !NUMBER.test(number)) return undefined
  const labels: Record<string, string> = {}
  for (let rest = inner; rest !== ''; ) {
    const [whole, label, value] = LABEL.exec(rest) ?? []
    if (whole === undefined || Object.hasOwn(labels, label!)) return undefined
    labels[label!] = value!
    rest = rest.slice(whole.length)
  }
  return { name, labels, value: Number(number.replace('Inf', 'Infinity')) }
}

/** Buckets grow, and the last one is +Inf with the count. */
function checkHistogram(name: string, samples: Family['samples']) {
  const series = Map.groupBy(samples, ({ labels: { le, ...others } }) => JSON.stringify(others))
  for (const of of series.values()) {
    const buckets = of.filter((sample) => sample.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) => Number(labels.le!.replace('Inf', 'Infinity')))
    const counts = buckets.map(({ value }) => value)
    const grows = (values: number[], by: (a: number, b: number) => boolean) =>
      values.every((value, at) => at === 0 || by(values[at - 1]!, value))
    const count = of.find((sample) => sample.name === `${name}_count`)?.value
    if (!grows(bounds, (a, b) => a < b) || !grows(counts, (a, b) => a <= b))
      throw new Error(`${name}: buckets`)
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY || counts.at(-1) !== count)
      throw new Error(`${name}: +Inf`)
  }
}

/** The value of one series; undefined if it is absent. */
export function sampleOf(families: Map<string, Family>, name: string, labels: Record<string, string> = {}) {
  const wanted = JSON.stringify(Object.entries(labels).sort())
  for (const { samples } of families.values())
    for (const sample of samples)
      if (sample.name === name && JSON.stringify(Object.entries(sample.labels).sort()) === wanted)
        return sample.value
  return undefined
}
