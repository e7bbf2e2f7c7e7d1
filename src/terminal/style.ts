/** Colors for a terminal. */
import { styleText } from 'node:util'
import { printable } from './printable.ts'

export type Style = Parameters<typeof styleText>[0]

/**
 * A text that may contain escape sequences of colors. All other control characters in it are escaped, so that
 * data cannot control the terminal.
 */
export class StyledText {
  readonly text: string
  private constructor(text: string) {
    this.text = text
  }

  /** Colors are used if standard output is a terminal. NO_COLOR and FORCE_COLOR override this. */
  static of(...parts: (string | [style: Style, text: string])[]): StyledText {
    const texts = parts.map((part) =>
      typeof part === 'string'
        ? printable(part)
        : styleText(part[0], printable(part[1]), { stream: process.stdout }),
    )
    return new StyledText(texts.join(''))
  }
}
