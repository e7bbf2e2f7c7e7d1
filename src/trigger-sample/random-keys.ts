/** Random keys between two keys of a relation, so that a sample is spread over the range of the keys. */

/** Characters of a key that count. */
const MAX_CHARACTERS = 16
const RANDOM_BITS = 52

/** A number from `min` to `max`. */
function randomBetween(min: bigint, max: bigint, random: () => number): bigint {
  const part = BigInt(Math.floor(random() * 2 ** RANDOM_BITS))
  return min + (((max - min + 1n) * part) >> BigInt(RANDOM_BITS))
}

/**
 * @param known keys in any order, with the smallest and the largest; their characters are used for new keys
 * @returns texts, which need not be keys
 */
export function randomTexts(known: string[], count: number, random: () => number): string[] {
  const sorted = [...known].sort()
  const min = sorted[0] ?? ''
  const max = sorted.at(-1) ?? ''
  let shared = 0
  while (shared < min.length && min[shared] === max[shared]) shared++
  const rests = sorted.map((key) => [...key.slice(shared)].slice(0, MAX_CHARACTERS))
  // A key is a number: each character is a digit, and 0 is the end of the text.
  const alphabet = [...new Set(rests.flat())].sort()
  const base = BigInt(alphabet.length + 1)
  const toNumber = (characters: string[]) =>
    Array.from({ length: MAX_CHARACTERS }, (_, at) =>
      BigInt(alphabet.indexOf(characters[at] ?? '') + 1),
    ).reduce((number, digit) => number * base + digit, 0n)
  const toText = (number: bigint) => {
    const characters: string[] = []
    for (let rest = number, left = MAX_CHARACTERS; left > 0; left--, rest /= base)
      characters.unshift(alphabet[Number(rest % base) - 1] ?? '')
    const end = characters.indexOf('')
    return characters.slice(0, end < 0 ? undefined : end).join('')
  }
  const [from, to] = [toNumber(rests[0] ?? []), toNumber(rests.at(-1) ?? [])]
  return Array.from({ length: count }, () => min.slice(0, shared) + toText(randomBetween(from, to, random)))
}

/** @param known whole numbers, as text */
export function randomNumbers(known: string[], count: number, random: () => number): string[] {
  const numbers = known.map(BigInt)
  const min = numbers.reduce((one, other) => (other < one ? other : one))
  const max = numbers.reduce((one, other) => (other > one ? other : one))
  return Array.from({ length: count }, () => String(randomBetween(min, max, random)))
}

/** @param known uuids */
export function randomUuids(known: string[], count: number, random: () => number): string[] {
  const numbers = known.map((uuid) => String(BigInt(`0x${uuid.replaceAll('-', '')}`)))
  return randomNumbers(numbers, count, random).map((number) =>
    BigInt(number)
      .toString(16)
      .padStart(32, '0')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  )
}
