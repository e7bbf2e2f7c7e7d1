import { readFileSync } from 'node:fs'
import t from 'tap'
import { settingDefinitions } from '../../src/simulator/settings.ts'

t.test('docs/simulator.md lists every setting with its default and description', async (t) => {
  const docs = readFileSync(new URL('../../docs/simulator.md', import.meta.url), 'utf8')
  const section = docs.split('\n## Settings\n')[1]!.split('\n## ')[0]!
  t.strictSame(
    section.split('\n').filter((line) => line.startsWith('| `')),
    Object.entries(settingDefinitions).map(([name, { default: value, description }]) => {
      const shown = typeof value === 'string' ? `\`${value}\`` : value
      return `| \`${name}\` | ${shown} | ${description} |`
    }),
  )
})

t.test('every default is a valid value', async (t) => {
  for (const [name, definition] of Object.entries(settingDefinitions)) {
    t.ok(definition.accepts(definition.default), name)
  }
})
