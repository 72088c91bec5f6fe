// Which TCP connections a process has, as the kernel says: the proof that nobody talks past the proxy.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface OpenSocket {
  localPort: number
  remotePort: number
}

const established = '01'

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.lastIndexOf(':') + 1), 16)
}

/** Established connections of a process (Linux). */
export function socketsOf(pid: number): OpenSocket[] {
  const inodes = new Set<string>()
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1]
      if (inode !== undefined) inodes.add(inode)
    } catch (cause) {
      // A descriptor that was closed while we looked.
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    }
  }
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[3] === established && inodes.has(columns[9] ?? ''))
      .map((columns) => ({
        localPort: portOf(columns[1] ?? ''),
        remotePort: portOf(columns[2] ?? ''),
      })),
  )
}
