// Where things lie in the package, the same from the compiled code as from the sources (vitest runs those).
// Worker threads and child processes start from compiled files only.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

let root: string | undefined

/** The folder of our own package.json. */
export function packageRoot(): string {
  if (root !== undefined) return root
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error(`no package.json above ${import.meta.url}`)
    folder = parent
  }
  root = folder
  return folder
}

/** Full path of a compiled file, named as it lies in the source tree but ending in `.js`. */
export function entryFile(path: string): string {
  const file = join(packageRoot(), 'dist', path)
  if (!existsSync(file)) throw new Error(`${file} is missing: run \`npm run build\``)
  return file
}

/** The live page; it may not have been built. */
export function pageFile(): string {
  return join(packageRoot(), 'dist/dashboard/index.html')
}

export function packageVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  return version
}
