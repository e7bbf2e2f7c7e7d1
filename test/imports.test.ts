import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

const files = globSync('src/**/*.ts').sort()
const imports = new Map(files.map((file) => [file, importsOf(file)]))

t.test('every imported file of ours exists', async (t) => {
  t.ok(files.length > 50)
  t.strictSame(
    [...imports.values()].flat().filter((file) => !imports.has(file)),
    [],
  )
})

t.test('no import cycle', async (t) => {
  t.strictSame(findCycles(), [])
})

t.test('base files import base files only', async (t) => {
  const none = ['contract', 'database-url', 'json', 'log', 'setting-readers', 'user-facing-error', 'version']
  const expected = {
    ...Object.fromEntries(none.map((name) => [`src/${name}.ts`, []])),
    'src/settings.ts': ['src/database-url.ts', 'src/setting-readers.ts'],
    'src/config.ts': ['src/settings.ts', 'src/user-facing-error.ts'],
  }
  t.strictSame(Object.fromEntries(Object.keys(expected).map((file) => [file, imports.get(file)])), expected)
})

t.test('the simulator imports nothing of ours outside its folder', async (t) => {
  for (const file of files.filter((file) => file.startsWith('src/simulator/'))) {
    t.strictSame(
      imports.get(file)!.filter((imported) => !imported.startsWith('src/simulator/')),
      [],
      file,
    )
  }
})

/** Files that a file imports by a relative path: static, dynamic and type imports. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const specifiers = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.{1,2}\/[^']+\.ts)'/g)
  return [...new Set([...specifiers].map(([, specifier]) => join(dirname(file), specifier!)))]
}

/** Each cycle as a list of files, found by depth-first search. */
function findCycles(): string[][] {
  const cycles: string[][] = []
  const done = new Set<string>()
  function visit(file: string, path: string[]): void {
    const start = path.indexOf(file)
    if (start >= 0) cycles.push([...path.slice(start), file])
    else if (!done.has(file)) {
      for (const imported of imports.get(file) ?? []) visit(imported, [...path, file])
      done.add(file)
    }
  }
  for (const file of files) visit(file, [])
  return cycles
}
