const SUFFIX = /^(jr|sr|ii|iii|iv|v|md|esq)\.?$/i
const ROMAN = /^(ii|iii|iv)$/i

/**
 * `SAMPLE, ROBIN Q` becomes `Robin Q Sample`, and `Sample, Robin, Jr.` becomes `Robin Sample Jr.`. A name without a comma
 * stays as it is. Words are only written in lower case if the whole name is in capitals.
 */
export function firstNameFirst(text: string): string {
  const [last = '', ...others] = text.split(',').map((part) => part.trim())
  const given = others.filter((part) => part !== '')
  if (given.length === 0) return others.length > 0 ? last : text
  const words = `${given.join(' ')}`.split(/\s+/)
  const lastWords = last.split(/\s+/)
  const isSuffix = (word: string) => SUFFIX.test(word)
  const suffixes = [...lastWords.slice(1).filter(isSuffix), ...words.slice(1).filter(isSuffix)]
  const name = [
    ...words.filter((word, at) => at === 0 || !isSuffix(word)),
    ...lastWords.filter((word, at) => at === 0 || !isSuffix(word)),
    ...suffixes,
  ].join(' ')
  return text === text.toUpperCase() ? inTitleCase(name) : name
}

const inTitleCase = (name: string) =>
  name.replaceAll(/[\p{L}]+/gu, (word, at: number) => {
    if (ROMAN.test(word)) return word
    // Not after the apostrophe of a genitive, but in O'Brien.
    if (word === 'S' && /['’]$/.test(name.slice(0, at))) return 's'
    return word[0]!.toUpperCase() + word.slice(1).toLowerCase()
  })
