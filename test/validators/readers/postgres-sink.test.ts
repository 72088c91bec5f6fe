// A table in the place of an output topic, read from a real PostgreSQL.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { historyOf } from '../../../validators/history.ts'
import type { HistoryLine } from '../../../validators/history-line.ts'
import {
  isPostgresSinkEmpty,
  type PostgresSink,
  readPostgresSink,
} from '../../../validators/readers/postgres-sink.ts'
import { judge } from '../../../validators/verdict.ts'
import { type Database, startDatabase } from '../../long/pipelines/database.ts'
import { drained, end, groupOffset, input, run } from '../builders.ts'

const environment = 'GAUNTLET_TEST_SINK'
let database: Database
let address: string

beforeAll(async () => {
  database = await startDatabase()
  address = await database.create('reader')
  process.env[environment] = address
})

afterAll(async () => {
  delete process.env[environment]
  await database.stop()
})

const sinkOf = (table: string, id = 'column:id'): PostgresSink => ({
  kind: 'postgres',
  name: 'sink',
  url: { environment },
  table,
  id,
})

async function linesOf(sink: PostgresSink, onLine: (line: HistoryLine) => Promise<unknown>) {
  const lines: HistoryLine[] = []
  const rows = await readPostgresSink(sink, {
    nowMs: () => 9_000,
    async emit(line) {
      lines.push(line)
      await onLine(line)
    },
  })
  return { rows, lines }
}

async function idsOf(sink: PostgresSink): Promise<Array<string | null>> {
  const { lines } = await linesOf(sink, async () => undefined)
  return lines.flatMap((line) => (line.type === 'log-batch' ? line.ids : []))
}

async function verdictOn(sink: PostgresSink, onLine: (line: HistoryLine) => Promise<unknown>) {
  const { lines } = await linesOf(sink, onLine)
  return judge(
    historyOf([
      run({
        outputs: [{ topic: 'sink', partitions: 1, contract: 'one-per-input', sink: 'postgres' }],
        instances: [],
      }),
      ...[input(0, ['in-0', 'in-1', 'in-2']), end('input', 3), drained(), groupOffset(3)],
      ...lines,
    ]),
  )
}

describe('a table as the sink of a pipeline', () => {
  it('is a PASS with each id once, and shows what is there twice and what is not there', async () => {
    await database.query(
      address,
      `CREATE TABLE right_ones AS SELECT unnest('{in-2,in-0,in-1}'::text[]) AS id`,
    )
    expect(await verdictOn(sinkOf('right_ones'), async () => undefined)).toMatchObject({
      verdict: 'PASS',
      records: { expected: 3, committed: 3 },
    })
    await database.query(
      address,
      `CREATE TABLE wrong_ones AS SELECT unnest('{in-2,in-0,in-2}'::text[]) AS id`,
    )
    const { findings } = await verdictOn(sinkOf('wrong_ones'), async () => undefined)
    expect(findings.map(({ kind, ids }) => [kind, ids])).toEqual([
      ['missing-output', ['in-1']],
      ['duplicate', ['in-2']],
    ])
  })

  it('takes the id from a column of any name, or from an expression; a row without one has none', async () => {
    await database.query(
      address,
      `CREATE SCHEMA "Shop"; CREATE TABLE "Shop"."order" ("Id" int, body jsonb);
       INSERT INTO "Shop"."order" VALUES (7, '{"id": "a-1"}'), (8, '{}')`,
    )
    expect(await idsOf(sinkOf('Shop.order', 'column:Id'))).toEqual(['7', '8'])
    expect(await idsOf(sinkOf('Shop.order', "expression:body->>'id'"))).toEqual(['a-1', null])
  })

  it('reads tables of more than one fetch to the end', async () => {
    await database.query(
      address,
      `CREATE TABLE many AS SELECT 'in-' || n AS id FROM generate_series(0, 10999) AS n`,
    )
    expect(new Set(await idsOf(sinkOf('many'))).size).toBe(11_000)
  })

  it('keeps a run from PASS while somebody still writes to it', async () => {
    await database.query(address, `CREATE TABLE busy AS SELECT unnest('{in-0,in-1}'::text[]) AS id`)
    const judged = await verdictOn(sinkOf('busy'), async (line) => {
      if (line.type === 'partition-end') {
        await database.query(address, `INSERT INTO busy VALUES ('in-2')`)
      }
    })
    expect(judged.guards.filter(({ missing }) => missing.length > 0)).not.toEqual([])
    expect(judged.verdict).not.toBe('PASS')
  })

  it('is empty when the application has yet to make it, and not when a row is left', async () => {
    expect(await isPostgresSinkEmpty(sinkOf('not_yet'))).toBe(true)
    await database.query(address, 'CREATE TABLE fresh (id text)')
    expect(await isPostgresSinkEmpty(sinkOf('fresh'))).toBe(true)
    await database.query(address, `INSERT INTO fresh VALUES ('left')`)
    expect(await isPostgresSinkEmpty(sinkOf('fresh'))).toBe(false)
  })

  it('says what is missing without its address, which holds a password', async () => {
    const failing = (url: PostgresSink['url']) =>
      readPostgresSink({ ...sinkOf('fresh'), url }, { nowMs: () => 0, emit: () => undefined })
    await expect(failing({ environment: 'GAUNTLET_NOT_SET' })).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: expect.stringContaining('GAUNTLET_NOT_SET'),
    })
    process.env.GAUNTLET_TEST_WRONG = 'postgres://tester:wrong-word@127.0.0.1:1:2/x y'
    const error = await failing({ environment: 'GAUNTLET_TEST_WRONG' }).catch((cause) => cause)
    delete process.env.GAUNTLET_TEST_WRONG
    expect(error).toBeInstanceOf(Error)
    expect(String(error)).not.toContain('wrong-word')
    await expect(linesOf(sinkOf('nowhere'), async () => undefined)).rejects.toThrow('nowhere')
  })
})
