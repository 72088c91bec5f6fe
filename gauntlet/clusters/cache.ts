// The folder that keeps what is costly to make and the same for every run: jars, formatted storage,
// class data archives. Entries appear whole or not at all, so two runs at once cannot spoil one.
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { removeTemporaryFolder, temporaryFolder } from '../child-registry.ts'

/** Written last into a finished entry. */
const markerName = '.complete'

/** `$XDG_CACHE_HOME/eos-gauntlet`, or `~/.cache/eos-gauntlet`. */
export function cacheDirectory(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const base = environment.XDG_CACHE_HOME
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'eos-gauntlet')
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

/**
 * The folder, filled by `fill` if it is not there yet. `fill` works in a temporary folder beside it,
 * which then gets the final name in one step; whoever comes second uses what the first one made.
 */
export async function cachedDirectory(
  directory: string,
  fill: (temporary: string) => Promise<void>,
): Promise<string> {
  if (await exists(join(directory, markerName))) return directory
  const parent = dirname(directory)
  await mkdir(parent, { recursive: true })
  const temporary = await temporaryFolder('part', parent)
  try {
    await fill(temporary)
    await writeFile(join(temporary, markerName), '')
    await renameOrYield(temporary, directory)
  } finally {
    await removeTemporaryFolder(temporary)
  }
  return directory
}

async function renameOrYield(temporary: string, directory: string): Promise<void> {
  // A folder without the marker is rubbish of an older layout; one with it belongs to a faster run.
  if ((await exists(directory)) && !(await exists(join(directory, markerName)))) {
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await rename(temporary, directory)
  } catch (error) {
    if (!(await exists(join(directory, markerName)))) throw error
  }
}
