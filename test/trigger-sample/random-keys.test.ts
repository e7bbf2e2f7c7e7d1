import t from 'tap'
import { createRandom } from '../../src/simulator/random.ts'
import { randomNumbers, randomTexts, randomUuids } from '../../src/trigger-sample/random-keys.ts'

/** The number of keys in each tenth of the sorted population. */
function tenths(population: string[], keys: string[]): number[] {
  const counts = Array.from({ length: 10 }, () => 0)
  for (const key of keys) {
    const at = population.findIndex((one) => one >= key)
    counts[Math.min(9, Math.floor(((at < 0 ? population.length : at) / population.length) * 10))]! += 1
  }
  return counts
}

const numbered = (count: number, name: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => name(i)).sort()

t.test('randomTexts: keys between the first and the last, in every tenth of the population', async (t) => {
  for (const [name, population] of [
    ['fixed width', numbered(10_000, (i) => `ACC-${String(i).padStart(6, '0')}`)],
    ['growing width', numbered(10_000, (i) => `A-${i}`)],
    ['hexadecimal', numbered(10_000, (i) => (i * 2_654_435_761).toString(16).padStart(12, '0').slice(-12))],
    ['one suffix', numbered(10_000, (i) => `${i}-other`)],
  ] as const) {
    const known = [population[0]!, population.at(-1)!, ...population.filter((_, i) => i % 999 === 0)]
    const keys = randomTexts(known, 1000, createRandom(1))
    t.equal(keys.length, 1000)
    t.ok(
      keys.every((key) => key >= population[0]! && key <= `${population.at(-1)!}`),
      `${name}: all in the range`,
    )
    const counts = tenths(population, keys)
    t.ok(Math.min(...counts) >= 10, `${name}: ${counts}`)
  }
})

t.test('randomTexts: one key, and keys that are equal but for their end', async (t) => {
  t.same(randomTexts(['a', 'a'], 3, createRandom(1)), ['a', 'a', 'a'])
  t.same(new Set(randomTexts(['a', 'ab'], 50, createRandom(1)).map((key) => key.slice(0, 1))), new Set(['a']))
})

t.test('randomNumbers and randomUuids: spread over the range', async (t) => {
  const numbers = randomNumbers(['5', '9007199254740993', '100'], 1000, createRandom(1)).map(BigInt)
  t.ok(numbers.every((one) => one >= 5n && one <= 9007199254740993n))
  t.ok(numbers.filter((one) => one < 900719925474100n).length > 50)
  const uuids = ['00000000-0000-4000-8000-000000000000', 'ffffffff-ffff-4fff-bfff-ffffffffffff']
  const found = randomUuids(uuids, 200, createRandom(1))
  t.ok(found.every((uuid) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)))
  t.equal(new Set(found.map((uuid) => uuid[0])).size, 16)
})
