// Which processes and folders this runner has to clean up, kept outside of it so that they are cleaned up
// even if it is killed. Two layers: a warden (a shell that only waits for our end of a pipe to close, then
// kills what is on its list), and a file per runner for the case that the warden was killed as well.
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Writable } from 'node:stream'

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessMark {
  pid: number
  /** Start time as the system tells it, compared as text. */
  started: string
}

/** Every folder that may be removed unasked has a name that begins so. */
const folderPrefix = 'eos-gauntlet-'
/** The runner's id in the environment of every process that it started, and of theirs. */
export const runnerVariable = 'EOS_GAUNTLET_RUNNER'

/** What Linux tells of a process; undefined if it is gone. A zombie is gone: it only waits to be reaped. */
function linuxProcess(pid: number | string): { group: number; started: string } | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // No such process.
    return undefined
  }
  // The name in parentheses may hold anything, so fields are counted after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return { group: Number(fields[2]), started: fields[19] ?? '' }
}

/** When a process started; undefined if there is none with that id. */
function startTime(pid: number): string | undefined {
  if (process.platform === 'linux') return linuxProcess(pid)?.started
  try {
    const printed = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return printed === '' || printed.startsWith('Z') ? undefined : printed.replace(/^\S+\s+/, '')
  } catch {
    // No such process.
    return undefined
  }
}

/** The mark of a running process. */
export function processMark(pid: number): ProcessMark | undefined {
  const started = startTime(pid)
  return started === undefined ? undefined : { pid, started }
}

/** Whether that very process still runs. */
export function isRunning(mark: ProcessMark): boolean {
  return startTime(mark.pid) === mark.started
}

/** Start times count from the boot and ids belong to a namespace: a file from elsewhere says nothing here. */
function scope(): { boot: string; namespace: string } {
  if (process.platform !== 'linux') return { boot: '', namespace: '' }
  try {
    return {
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      namespace: readlinkSync('/proc/self/ns/pid'),
    }
  } catch {
    return { boot: '', namespace: '' }
  }
}

type Entry =
  | { runner: ProcessMark; id: string; boot: string; namespace: string }
  | { group: ProcessMark; name: string }
  | { groupEnded: number }
  | { folder: string }
  | { folderRemoved: string }

export function registryDirectory(): string {
  // A container may run as somebody whom its machine has no name for, so only the number is asked for.
  return join(tmpdir(), `${folderPrefix}${process.getuid?.() ?? -1}`, 'runners')
}

// Reads "group ID", "ended ID", "folder PATH" and "removed PATH" until its input ends, which is when we
// have ended. Written for the plainest shell: it must be small, and there wherever Kafka's scripts run.
const wardenScript = `
groups=' '
folders=''
while read -r word value; do
  case $word in
    group) groups="$groups$value " ;;
    ended) groups="\${groups%% $value *} \${groups#* $value }" ;;
    folder) folders="$folders$value
" ;;
    removed) folders=$(printf '%s\\n' "$folders" | grep -vxF -e "$value")
      [ -z "$folders" ] || folders="$folders
" ;;
  esac
done
for group in $groups; do kill -KILL -"$group" 2>/dev/null; done
printf '%s' "$folders" | while read -r folder; do
  rm -rf -- "$folder" || { sleep 1; rm -rf -- "$folder"; }
done
rm -f -- "$1"
`

interface Registry {
  id: string
  file: string
  append(entry: Entry): void
  tellWarden(line: string): void
}

let registry: Registry | undefined

function openRegistry(): Registry {
  const runner = processMark(process.pid)
  if (runner === undefined) throw new Error('a running process has no start time')
  const id = `${runner.pid}-${runner.started.replace(/[^A-Za-z0-9]+/g, '')}`
  mkdirSync(registryDirectory(), { recursive: true })
  const file = join(registryDirectory(), `${id}.ndjson`)
  writeFileSync(file, `${JSON.stringify({ runner, id, ...scope() } satisfies Entry)}\n`)
  // Its own session, so that Ctrl-C does not reach it before it has done its work.
  const warden: ChildProcessByStdio<Writable, null, null> = spawn(
    '/bin/sh',
    ['-c', wardenScript, 'gauntlet-warden', file],
    { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' },
  )
  // Without a warden the file remains, which the next start reads; nothing more can be done here.
  warden.on('error', () => undefined)
  warden.stdin.on('error', () => undefined)
  warden.unref()
  ;(warden.stdin as Socket).unref()
  return {
    id,
    file,
    append: (entry) => appendFileSync(file, `${JSON.stringify(entry)}\n`),
    tellWarden: (line) => warden.stdin.write(`${line}\n`),
  }
}

function opened(): Registry {
  registry ??= openRegistry()
  return registry
}

/** The variable that marks every process of this runner. */
export function runnerEnvironment(): Record<string, string> {
  return { [runnerVariable]: opened().id }
}

/** Call it in the same turn as the spawn: what happens in between is what a kill could leave behind. */
export function registerGroup(pid: number, name: string): void {
  opened().tellWarden(`group ${pid}`)
  const mark = processMark(pid)
  if (mark !== undefined) opened().append({ group: mark, name })
}

/** The group is empty; its id may be somebody else's from now on. */
export function forgetGroup(pid: number): void {
  opened().tellWarden(`ended ${pid}`)
  opened().append({ groupEnded: pid })
}

/** A folder that is removed at the latest when this runner is gone. */
export async function temporaryFolder(name: string, parent: string = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, `${folderPrefix}${name}-`))
  registerFolder(folder)
  return folder
}

function registerFolder(folder: string): void {
  opened().tellWarden(`folder ${folder}`)
  opened().append({ folder })
}

export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  opened().tellWarden(`removed ${folder}`)
  opened().append({ folderRemoved: folder })
}

/** Sends a signal to every process of a group; false if it has none any more. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ESRCH') return false
    // macOS answers EPERM for a group in which only zombies are left.
    if (code === 'EPERM') return false
    throw error
  }
}

function linuxProcessIds(): string[] {
  return readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))
}

/** Whether anything in a group still runs. Zombies do not count: some containers never reap them. */
export function isGroupAlive(pid: number): boolean {
  if (!signalGroup(pid, 0)) return false
  if (process.platform !== 'linux') return true
  return linuxProcessIds().some((name) => linuxProcess(name)?.group === pid)
}

/** Processes that carry the id of a runner in their environment, wherever they have gone since. */
function processesOf(runnerId: string): number[] {
  if (process.platform !== 'linux') return []
  const wanted = `${runnerVariable}=${runnerId}`
  const found: number[] = []
  for (const name of linuxProcessIds()) {
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1')
      if (environment.split('\0').includes(wanted)) found.push(Number(name))
    } catch {
      // Ended meanwhile, or not ours to look at: then it is not ours to kill either.
    }
  }
  return found
}

interface Leftovers {
  runner: Extract<Entry, { runner: ProcessMark }>
  groups: ProcessMark[]
  folders: string[]
}

function readLeftovers(file: string): Leftovers | undefined {
  const groups = new Map<number, ProcessMark>()
  const folders = new Set<string>()
  let runner: Leftovers['runner'] | undefined
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue
    let entry: Entry
    try {
      entry = JSON.parse(line) as Entry
    } catch {
      // Cut in the middle when its writer was killed: it is the last one.
      break
    }
    if ('runner' in entry) runner = entry
    else if ('group' in entry) groups.set(entry.group.pid, entry.group)
    else if ('groupEnded' in entry) groups.delete(entry.groupEnded)
    else if ('folder' in entry) folders.add(entry.folder)
    else folders.delete(entry.folderRemoved)
  }
  return runner === undefined
    ? undefined
    : { runner, groups: [...groups.values()], folders: [...folders] }
}

export interface Reaped {
  processes: number
  folders: number
}

/** Kills and removes what runners left that are no more. Live runners, and other machines', are left alone. */
export async function reapLeftovers(directory: string = registryDirectory()): Promise<Reaped> {
  const reaped: Reaped = { processes: 0, folders: 0 }
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch {
    // Nobody has run here yet.
    return reaped
  }
  const here = scope()
  for (const name of names) {
    const file = join(directory, name)
    let left: Leftovers | undefined
    try {
      left = readLeftovers(file)
    } catch {
      // Its warden has just removed it.
      continue
    }
    if (left === undefined) continue
    const { runner, groups, folders } = left
    const sameBoot = runner.boot === here.boot
    if (sameBoot && runner.namespace !== here.namespace) continue
    if (sameBoot && isRunning(runner.runner)) continue
    if (sameBoot) {
      for (const group of groups) {
        if (isRunning(group) && signalGroup(group.pid, 'SIGKILL')) reaped.processes++
      }
      for (const pid of processesOf(runner.id)) {
        try {
          process.kill(pid, 'SIGKILL')
          reaped.processes++
        } catch {
          // Ended by itself.
        }
      }
    }
    for (const folder of folders) {
      if (!basename(folder).startsWith(folderPrefix)) continue
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
      reaped.folders++
    }
    rmSync(file, { force: true })
  }
  return reaped
}
