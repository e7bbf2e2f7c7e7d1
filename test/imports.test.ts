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
  const none = ['contract', 'database-url', 'json', 'log', 'user-facing-error', 'version']
  const expected = {
    'src/setting-readers.ts': ['src/contract.ts'],
    ...Object.fromEntries(none.map((name) => [`src/${name}.ts`, []])),
    'src/settings.ts': ['src/database-url.ts', 'src/setting-readers.ts'],
    'src/config.ts': ['src/settings.ts', 'src/user-facing-error.ts'],
  }
  t.strictSame(Object.fromEntries(Object.keys(expected).map((file) => [file, imports.get(file)])), expected)
})

t.test('every export is imported by another file', async (t) => {
  const imported = new Set(globSync('{src,test,bench,drill,deploy}/**/*.ts').flatMap(importedNames))
  const exported = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(EXPORT)].map(([, name]) => `${file} ${name}`),
  )
  t.ok(exported.length > 300)
  t.strictSame(
    exported.filter((name) => !imported.has(name)),
    [],
  )
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

const EXPORT = /^export (?:async )?(?:function\*?|const|let|class|type|interface) (\w+)/gm
const NAMED_IMPORT = /\{([^{}]*)\}\s+(?:from|=\s+await\s+import\()\s*'(\.[^']+)'/g
const LAZY_IMPORT = /await import\('(\.[^']+)'\)\)\.(\w+)/g

/** The names that a file imports, each after the file that exports it: `src/log.ts createLog`. */
function importedNames(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const named = [...text.matchAll(NAMED_IMPORT)].flatMap(([, names, specifier]) =>
    names!.split(',').map((name) => [
      specifier,
      name
        .trim()
        .replace(/^type /, '')
        .split(' as ')[0],
    ]),
  )
  const lazy = [...text.matchAll(LAZY_IMPORT)].map(([, specifier, name]) => [specifier, name])
  return [...named, ...lazy].map(([specifier, name]) => `${join(dirname(file), specifier!)} ${name}`)
}

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
