// Reads a table of PostgreSQL that an application writes instead of an output topic: each row is a record, its id a
// column or an expression. Rows of a table have no order, so they come by their ids, and their places mean nothing to
// checkers of order. Each pass is one read-only snapshot. Where the database is comes from the environment or a file
// when it is needed, and stands neither in the plan nor in the history: it holds a password.
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { OperatorError } from '../../proxy/errors.ts'
import { idLengthMax } from '../selector.ts'
import { readSinkTwice, type SinkReaderHooks } from './sink-lines.ts'

/** Plain data without secrets, so that it can go to a worker. */
export interface PostgresSink {
  kind: 'postgres'
  /** What the history calls this output. */
  name: string
  /** Where the address of the database is to be found. */
  url: { environment: string } | { file: string }
  /** As the catalogue has it; `schema.table` where it is not on the search path. */
  table: string
  /** `column:NAME` or `expression:SQL`. */
  id: string
}

const connectTimeoutMs = 10_000
/** A sort of a large table takes a while; one that waits for a lock must not take for ever. */
const statementTimeoutMs = 300_000
const rowsPerFetch = 5_000
const columnPlace = 'column:'
const expressionPlace = 'expression:'
const undefinedTable = '42P01'

/** Reads the table to its end, twice. Rejects when it cannot be read. */
export function readPostgresSink(sink: PostgresSink, hooks: SinkReaderHooks): Promise<number> {
  return readSinkTwice(sink.name, () => idsOf(sink), hooks)
}

/** Whether an earlier run has left something in the table; one that the application still has to make is empty. */
export async function isPostgresSinkEmpty(sink: PostgresSink): Promise<boolean> {
  return connected(sink, async (client) => {
    try {
      const { rows } = await client.query(`SELECT 1 FROM ${tableName(sink)} LIMIT 1`)
      return rows.length === 0
    } catch (cause) {
      if ((cause as { code?: string }).code === undefinedTable) return true
      throw cause
    }
  })
}

async function addressOf({ url }: PostgresSink): Promise<string> {
  if ('environment' in url) {
    const address = process.env[url.environment]
    if (address !== undefined && address !== '') return address
    throw new OperatorError(
      'missing-prerequisite',
      `the environment has no ${url.environment}, by which the sink of the plan is found`,
      `Set ${url.environment} to an address such as postgres://user:password@host:5432/database.`,
    )
  }
  const text = await readFile(url.file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new OperatorError(
      'file-not-found',
      `the address of the sink cannot be read from ${url.file}: ${cause.code}`,
      'Name it in `sink.postgres.url-file` from the folder in which the command is run.',
    )
  })
  return text.trim()
}

async function connected<Value>(
  sink: PostgresSink,
  work: (client: pg.Client) => Promise<Value>,
): Promise<Value> {
  const client = clientOf(await addressOf(sink))
  // A connection that is lost between two queries makes the next one fail; without a listener it would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

function clientOf(address: string): pg.Client {
  try {
    return new pg.Client({
      connectionString: address,
      connectionTimeoutMillis: connectTimeoutMs,
      statement_timeout: statementTimeoutMs,
      application_name: 'gauntlet-audit',
    })
  } catch {
    // Its own message would quote the address, password and all.
    throw new OperatorError(
      'missing-prerequisite',
      'the address of the sink is none',
      'Write it like postgres://user:password@host:5432/database.',
    )
  }
}

async function* idsOf(sink: PostgresSink): AsyncGenerator<string | null> {
  const client = clientOf(await addressOf(sink))
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await client.query(
      `DECLARE sink_rows NO SCROLL CURSOR FOR SELECT (${idExpression(sink)})::text COLLATE "C" AS id FROM ${tableName(sink)} ORDER BY 1`,
    )
    for (;;) {
      const { rows } = await client.query<{ id: string | null }>(
        `FETCH ${rowsPerFetch} FROM sink_rows`,
      )
      for (const { id } of rows) {
        yield id === null || id === '' || id.length > idLengthMax ? null : id
      }
      if (rows.length < rowsPerFetch) return
    }
  } finally {
    await client.end().catch(() => undefined)
  }
}

const tableName = ({ table }: PostgresSink): string =>
  table.split('.').map(pg.escapeIdentifier).join('.')

function idExpression({ id }: PostgresSink): string {
  if (id.startsWith(columnPlace)) return pg.escapeIdentifier(id.slice(columnPlace.length))
  return id.slice(expressionPlace.length)
}
