// Writes each input as a row of `payments`, then commits offsets. MODE says how it answers for being killed in between:
// transactional (the offsets lie in the same database and are committed with the rows), upsert (a row has a key, and
// written again it is the same row), or naive (it does not).
import pg from 'pg'
import { consume, idOf } from './consume.mjs'

const { DATABASE, MODE } = process.env
const client = new pg.Client({ connectionString: DATABASE })
await client.connect()
await client.query(
  `CREATE TABLE IF NOT EXISTS payments (id text ${MODE === 'upsert' ? 'PRIMARY KEY' : ''})`,
)
await client.query('CREATE TABLE IF NOT EXISTS positions (part int PRIMARY KEY, next bigint)')

const onConflict = MODE === 'upsert' ? 'ON CONFLICT (id) DO UPDATE SET id = excluded.id' : ''
const insert = (ids) =>
  client.query(`INSERT INTO payments SELECT unnest($1::text[]) ${onConflict}`, [ids])

async function transactionally(messages, { partition, offset }) {
  await client.query('BEGIN')
  await client.query('INSERT INTO positions VALUES ($1, 0) ON CONFLICT DO NOTHING', [partition])
  const { rows } = await client.query('SELECT next FROM positions WHERE part = $1 FOR UPDATE', [
    partition,
  ])
  const next = Number(rows[0].next)
  const fresh = messages.filter((message) => Number(message.offset) >= next)
  await insert(fresh.map(idOf))
  await client.query('UPDATE positions SET next = greatest(next, $2) WHERE part = $1', [
    partition,
    offset,
  ])
  await client.query('COMMIT')
}

await consume(
  MODE === 'transactional' ? transactionally : (messages) => insert(messages.map(idOf)),
  { stop: () => client.end() },
)
