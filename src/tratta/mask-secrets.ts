/**
 * Masks our secrets in Tratta's responses. A response can contain the token or the registered URL in another
 * form: truncated, in another case, percent-encoded, or with JSON or HTML escapes.
 */

/** The minimum length of a part of a secret that is masked. */
const PART_LENGTH = 8

/** One character, plain or encoded. `%252F` is percent-encoded twice. */
const CHARACTER =
  /%(?:25)*([0-9a-f]{2})|\\+u00([0-9a-f]{2})|&#x0*([0-9a-f]{1,2});|&#0*(\d{1,3});|\\+([^u])|./gisu

interface SecretMask {
  text(text: string): string
  /** Masks every string in a JSON value, including field names. */
  value(value: unknown): unknown
}

export function createSecretMask(secrets: readonly string[]): SecretMask {
  const parts = new Set<string>()
  for (const secret of secrets)
    for (let at = 0; at === 0 || at + PART_LENGTH <= secret.length; at++)
      parts.add(secret.slice(at, at + PART_LENGTH).toLowerCase())
  const lengths = [...new Set([...parts].map((part) => part.length))].sort((a, b) => b - a)

  function text(text: string): string {
    const { characters, starts } = decode(text)
    let masked = ''
    let written = 0
    for (let at = 0; at < characters.length; at++) {
      let end = endOfPart(characters, at)
      if (end === undefined) continue
      // Overlapping parts become one mask.
      for (let inside = at + 1; inside < end; inside++)
        end = Math.max(end, endOfPart(characters, inside) ?? 0)
      masked += `${text.slice(written, starts ? starts[at] : at)}…`
      written = (starts ? starts[end] : end) ?? text.length
      at = end - 1
    }
    return masked + text.slice(written)
  }

  function endOfPart(characters: string, at: number): number | undefined {
    const length = lengths.find((length) => parts.has(characters.slice(at, at + length)))
    return length === undefined ? undefined : at + length
  }

  function value(json: unknown): unknown {
    if (typeof json === 'string') return text(json)
    if (Array.isArray(json)) return json.map(value)
    if (typeof json !== 'object' || json === null) return json
    return Object.fromEntries(Object.entries(json).map(([name, field]) => [text(name), value(field)]))
  }

  return { text, value }
}

/** @returns the characters in lower case, and the index of each in the text; no `starts` if the indexes are equal */
function decode(text: string): { characters: string; starts?: number[] } {
  // Most texts have no encoding, and ASCII keeps its length in lower case.
  if (/^[^%\\&\u0080-\uffff]*$/.test(text)) return { characters: text.toLowerCase() }
  let characters = ''
  const starts: number[] = []
  for (const { 0: all, 1: percent, 2: json, 3: hex, 4: decimal, 5: escaped, index } of text.matchAll(
    CHARACTER,
  )) {
    const code = percent ?? json ?? hex
    const character = code
      ? String.fromCharCode(Number.parseInt(code, 16))
      : decimal
        ? String.fromCharCode(Number(decimal))
        : (escaped ?? all)
    // One code unit for each character keeps `characters` and `starts` aligned.
    characters += (character.length === 1 && /[A-Z]/.test(character) ? character.toLowerCase() : character)[0]
    starts.push(index)
  }
  return { characters, starts }
}
