/** `import --suggest-map`. */
import { basename, extname } from 'node:path'
import { userFacing } from '../database/connection-errors.ts'
import { suggestMap } from '../import/map/suggest-map.ts'
import { displayName } from '../import/read/open-file.ts'
import { print, printError, printJson } from '../terminal/output.ts'
import { UsageError } from '../user-facing-error.ts'
import { DONE, fail, type Options } from './command.ts'
import { readOptions } from './import-options.ts'

/** Prints the map to standard output and what to do with it to standard error. */
export async function printSuggestedMap(options: Options, [file, ...others]: string[]): Promise<number> {
  if (file === undefined || others.length > 0) throw new UsageError('--suggest-map needs one FILE')
  const name = displayName(file)
  try {
    const {
      map,
      options: suggested,
      notes,
    } = await suggestMap(file, readOptions(options), new AbortController().signal)
    if (options.json) await printJson({ map, options: suggested, notes })
    else {
      await print(JSON.stringify(map, null, 2))
      const path = `${basename(file, extname(file))}.map.json`
      for (const note of notes) printError(note)
      printError(`Save the map as ${path}, correct it, and run:`)
      printError(`  npx tratta-jit import ${name} --map ${path} ${suggested.join(' ')} --dry-run`)
    }
    return DONE
  } catch (error) {
    const known = userFacing(error)
    if (!known) throw error
    return fail(`${name}: ${known.message}`, options)
  }
}
