// Each guard: holds in the clean run, and speaks when exactly its thing is missing.
import { describe, expect, it } from 'vitest'
import { askGuards, guards } from '../../validators/guards.ts'
import { historyOf } from '../../validators/history.ts'
import type { HistoryLine } from '../../validators/history-line.ts'
import { judge } from '../../validators/verdict.ts'
import { cleanLines, drained, end, fault, output, phase, read, run, send } from './builders.ts'

type Change = (lines: HistoryLine[]) => HistoryLine[]

/** What all guards say about the clean run after a change, by guard. */
function said(change: Change): Record<string, string[]> {
  const results = askGuards(historyOf(change(cleanLines())))
  return Object.fromEntries(
    results.filter(({ missing }) => missing.length > 0).map((one) => [one.name, one.missing]),
  )
}

const without =
  (type: HistoryLine['type']): Change =>
  (lines) =>
    lines.filter((line) => line.type !== type)
const plus =
  (...more: HistoryLine[]): Change =>
  (lines) => [...lines, ...more]
const replaced =
  (by: (line: HistoryLine) => HistoryLine[]): Change =>
  (lines) =>
    lines.flatMap(by)
const withRun = (changes: Parameters<typeof run>[0]): Change =>
  replaced((line) => (line.type === 'run' ? [{ ...line, ...changes }] : [line]))

const connected = (instance: string): HistoryLine => ({
  type: 'connection-opened',
  atMs: 900,
  connection: 99,
  plane: 'client',
  node: 1,
  instance,
})

describe('the guards', () => {
  it('all hold in a clean run', () => {
    expect(said((lines) => lines)).toEqual({})
    expect(guards.length).toBeGreaterThan(15)
  })

  it('a planned fault that was never applied', () => {
    expect(
      said((lines) =>
        lines.filter(
          ({ type }) => !['fault-fired', 'fault-applied', 'fault-healed'].includes(type),
        ),
      ),
    ).toEqual({ 'fault-applied': ['fault crash never fired: nothing matched its trigger'] })
    const status = (fired: number): HistoryLine => ({
      type: 'fault-status',
      atMs: 9_000,
      faults: [
        {
          name: 'second',
          kind: 'delay',
          matched: 4,
          fired,
          applied: 0,
          healed: 0,
          state: 'armed',
          firings: [],
        },
      ],
    })
    const planned = withRun({
      faults: [
        { name: 'crash', kind: 'disconnect' },
        { name: 'second', kind: 'delay', times: 'unlimited' },
      ],
    })
    expect(said((lines) => plus(status(0))(planned(lines)))).toEqual({
      'fault-applied': [
        'fault second never fired: 4 messages matched, none was the one it waited for',
      ],
    })
    expect(said((lines) => plus(status(1))(planned(lines)))).toEqual({
      'fault-applied': ['fault second fired, but its effect was never there'],
    })
  })

  it('a load that was finished before the last fault had healed', () => {
    expect(said((lines) => [phase('load-finished', 1_905), ...lines])).toEqual({
      'load-outlasted-faults': ['the load was finished 15 ms before the last fault had healed'],
    })
  })

  it("no message crossed a fault's window", () => {
    const timed: HistoryLine[] = [
      fault('applied', { firedAtMs: 2_300, appliedAtMs: 2_300 }, 'partition'),
      fault('healed', { firedAtMs: 2_300, healedAtMs: 2_900 }, 'partition'),
    ]
    expect(said(plus(...timed))).toEqual({
      'message-in-window': ['no message crossed the window of fault partition (firing 1)'],
    })
    const crossing = send(0, { producerId: -1, told: 'unknown' }, 2_200)
    expect(said(plus(...timed, { ...crossing, atMs: 2_950 }))).toEqual({})
  })

  it('has no window to ask about where an effect was over at once', () => {
    // An eviction by the clock: no message passed in the millisecond that it took, and none had to.
    const evicted: HistoryLine[] = [
      fault('applied', { firedAtMs: 2_300, appliedAtMs: 2_340 }, 'evicted'),
      fault('healed', { firedAtMs: 2_300, appliedAtMs: 2_340, healedAtMs: 2_341 }, 'evicted'),
    ]
    expect(said(plus(...evicted))).toEqual({})
  })

  it('an instance that committed nothing before the first fault, or after the last heal', () => {
    const early = fault('fired', { number: 2, firedAtMs: 900, exchange: send(1).exchange })
    expect(said(plus(early))).toEqual({
      'working-before': ['copier-0 committed nothing before the first fault'],
    })
    const late = fault('healed', {
      number: 2,
      firedAtMs: 3_400,
      appliedAtMs: 3_400,
      healedAtMs: 3_450,
      exchange: send(1).exchange,
    })
    expect(said(plus(late))).toEqual({
      'working-after': ['copier-0 committed nothing after the last fault had healed'],
    })
    const two = withRun({ instances: ['copier-0', 'copier-1'] })
    expect(said((lines) => [...two(lines), connected('copier-1')])).toEqual({
      'working-before': ['copier-1 committed nothing before the first fault'],
      'working-after': ['copier-1 committed nothing after the last fault had healed'],
    })
  })

  it('expects nothing more of an instance that the plan killed for good', () => {
    const change = (what: 'killed' | 'started', atMs: number): HistoryLine => ({
      type: 'instance',
      atMs,
      instance: 'copier-1',
      change: what,
    })
    const two = withRun({ instances: ['copier-0', 'copier-1'] })
    const workingAfter = (...more: HistoryLine[]) =>
      said((lines) => [
        ...two(lines),
        connected('copier-1'),
        phase('load-finished', 8_000),
        ...more,
      ])['working-after']
    const idle = ['copier-1 committed nothing after the last fault had healed']
    expect(workingAfter()).toEqual(idle)
    expect(workingAfter(change('killed', 1_800))).toBeUndefined()
    expect(workingAfter(change('killed', 1_800), change('started', 1_900))).toEqual(idle)
    // At the end we kill what does not leave by itself.
    expect(workingAfter(change('killed', 8_500))).toEqual(idle)
  })

  describe('of an application', () => {
    const changed = (
      change: 'started' | 'exited' | 'killed',
      atMs: number,
      more: { code?: number; signal?: string } = {},
    ): HistoryLine => ({ type: 'instance', atMs, instance: 'copier-0', change, ...more })
    const drained: HistoryLine = {
      type: 'drain',
      atMs: 8_500,
      drained: false,
      waitedMs: 500,
      boundMs: 1_000,
      left: [],
    }

    it('that ended by itself under load says how, when and where to look', () => {
      const ended = [changed('started', 200), changed('exited', 3_400, { code: 3 })]
      expect(said(plus(...ended))).toEqual({
        'application-alive': [
          'copier-0 ended by itself with code 3 3.2 s after its start, and nothing started it again: what it printed is in copier-0.log; if it is meant to be started again, say `restart:` under the workload',
        ],
      })
      const bySignal = said(plus(changed('exited', 3_400, { signal: 'SIGABRT' })))
      expect(bySignal['application-alive']?.[0]).toContain('ended by itself by SIGABRT, and')
    })

    it('that was started again, was killed by a fault, or ended after the load, has done nothing wrong', () => {
      const exited = changed('exited', 3_000, { code: 1 })
      expect(said(plus(exited, changed('started', 3_300)))).toEqual({})
      expect(said(plus(changed('killed', 3_000)))).not.toHaveProperty('application-alive')
      expect(said(plus(changed('exited', 3_600, { code: 1 })))).toEqual({})
    })

    it('that came back only to end again is counted', () => {
      const lines = [
        changed('started', 500),
        changed('exited', 1_000, { code: 1 }),
        changed('started', 1_500),
        changed('exited', 3_400, { code: 1 }),
      ]
      expect(said(plus(...lines))['application-alive']?.[0]).toContain('(its start number 2)')
    })

    it('that left by code 0 may do so when all its work is done, and only then', () => {
      const left = changed('exited', 3_400, { code: 0 })
      expect(said(plus(left))).toEqual({})
      const undone = said((lines) => [
        ...lines.filter(({ type }) => type !== 'drain'),
        drained,
        left,
      ])
      expect(undone).toHaveProperty('application-alive')
    })

    it('that never connected is told from one that goes round the proxy', () => {
      const nobody = withRun({ instances: ['copier-0', 'app-1'] })
      const [round] = said(nobody)['application-connected'] ?? []
      expect(round).toContain('app-1 never connected to the proxy, while records came')
      expect(said(nobody)).toEqual({ 'application-connected': [round] })
      const silent: Change = (lines) =>
        nobody(lines).filter(({ type }) => type !== 'log-batch' && type !== 'log-marker')
      expect(said(silent)['application-connected']?.[0]).toContain(
        'no record came into the output: it hangs,',
      )
      const seen = said((lines) => [...nobody(lines), connected('app-1')])
      expect(seen).not.toHaveProperty('application-connected')
    })

    it('that works in another group than the one that is followed', () => {
      const working = (group: string, instance = 'copier-0'): HistoryLine => ({
        type: 'posture-list',
        atMs: 8_000,
        clients: [
          {
            instance,
            clientId: 'a',
            firstSeenAtMs: 1,
            lastSeenAtMs: 2,
            produces: [],
            reads: [],
            groups: [{ group, offsets: 'in-transactions', autoCommit: false }],
            transactionalIds: [],
            transactionalIdCount: 0,
            protocols: [],
            problems: [],
          },
        ],
      })
      expect(said(plus(working('orders')))).toEqual({
        'group-as-planned': [
          'the application works in the group orders, and the run follows the group copiers: take it from GAUNTLET_GROUP, or say `group: orders` under the workload',
        ],
      })
      expect(said(plus(working('copiers')))).toEqual({})
      expect(said(plus(working('orders', 'a-stranger')))).toEqual({})
    })
  })

  it('says so when the plan has left nobody alive', () => {
    const killed: HistoryLine = {
      type: 'instance',
      atMs: 1_800,
      instance: 'copier-0',
      change: 'killed',
    }
    expect(said(plus(killed, phase('load-finished', 8_000)))).toHaveProperty('working-after', [
      'no instance was left to work after the last fault',
    ])
  })

  it('counts acknowledged plain sends as work: a producer alone has nothing else', () => {
    const plain = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
    const lines: Change = (clean) => [
      ...clean.filter(({ type }) => type !== 'transaction'),
      send(0, plain, 1_000),
      send(0, plain, 3_000),
    ]
    expect(said(lines)).toEqual({})
    expect(said(without('transaction'))).toHaveProperty('working-before')
  })

  it('an output batch that never passed the proxy', () => {
    const round: Change = replaced((line) =>
      line.type === 'send' && line.exchange.transaction === 3 ? [] : [line],
    )
    expect(said(round)).toEqual({
      'all-traffic-seen': [
        'the batch at output-0@6 (producer 7, epoch 0, sequence 4) never passed the proxy',
      ],
    })
    expect(said((lines) => withRun({ proxied: false })(round(lines)))).toEqual({})
  })

  it('a plain batch that never passed the proxy, but not one whose answer was lost', () => {
    const plain = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
    const batch = output(9, ['in-0'], { ...plain, transactional: false })
    const more: HistoryLine[] = [batch, end('output', 10), read('final', 9, ['in-0'])]
    expect(said(plus(...more))).toEqual({
      'all-traffic-seen': ['1 batch of output-0 without a producer id never passed the proxy'],
    })
    expect(said(plus(...more, send(0, { ...plain, told: 'unknown' })))).toEqual({})
    expect(said(plus(...more, send(0, { ...plain, baseOffset: 9 })))).toEqual({})
  })

  it('an outcome that the log does not resolve', () => {
    const open: Change = replaced((line) => {
      if (line.type === 'log-batch' && line.baseOffset === 6) return [{ ...line, state: 'open' }]
      if (line.type === 'log-marker' && line.offset === 8) return []
      if (line.type === 'partition-end' && line.role === 'output') {
        return [{ ...line, highWatermark: 8, lastStable: 6 }]
      }
      return [line]
    })
    expect(said(open)).toEqual({
      'outcomes-resolved': ['1 send in transactions that are neither committed nor aborted'],
    })
    const lost = send(0, { partition: 1, told: 'unknown' })
    delete lost.batches[0]?.brokerError
    expect(said(plus(lost))).toEqual({
      'outcomes-resolved': ['1 send with an unknown outcome, in partitions that were not read'],
    })
    expect(said(plus(send(0, { baseSequence: 99, told: 'unknown' })))).toEqual({})
  })

  it('a run that did not come to rest', () => {
    expect(said(without('drain'))).toEqual({
      drained: ['nobody waited until everything had come to rest'],
    })
    expect(
      said(plus(drained({ drained: false, waitedMs: 45_000, left: ['a transaction is Ongoing'] }))),
    ).toEqual({ drained: ['not at rest after 45 s: a transaction is Ongoing'] })
  })

  it('a log that was not read to its end', () => {
    expect(
      said(
        replaced((line) => (line.type === 'partition-end' && line.role === 'input' ? [] : [line])),
      ),
    ).toEqual({ 'logs-read': ['the log of input was not read to its end'] })
    expect(
      said(withRun({ outputs: [{ topic: 'output', partitions: 2, contract: 'one-per-input' }] })),
    ).toEqual({ 'logs-read': ['the log of output was not read to its end'] })
  })

  it('a batch that cannot be read', () => {
    const damage: HistoryLine = {
      type: 'log-damage',
      atMs: 9_000,
      role: 'output',
      topic: 'output',
      partition: 0,
      baseOffset: 9,
      lastOffset: 10,
      problem: 'its checksum is wrong',
    }
    expect(said(plus(damage, end('output', 11)))).toEqual({
      'batches-readable': ['the batch at output-0@9 cannot be read: its checksum is wrong'],
    })
  })

  it('a reader that failed', () => {
    expect(
      said(plus({ type: 'reader-error', atMs: 5_000, reader: 'concurrent', message: 'gone' })),
    ).toEqual({ 'readers-worked': ['the concurrent reader failed: gone'] })
  })

  it('an offset that holds nothing, or was read twice', () => {
    expect(said(plus(end('output', 11)))).toEqual({
      'offsets-accounted': ['2 offsets of output-0 hold nothing'],
    })
    expect(said(plus(output(4, [], { lastOffset: 4, baseSequence: 0 })))).toHaveProperty(
      'offsets-accounted',
    )
  })

  it('two readers that do not agree', () => {
    expect(
      said(
        replaced((line) =>
          line.type === 'read' && line.reader === 'final'
            ? [
                {
                  ...line,
                  offsets: [
                    [0, 2],
                    [3, 2],
                    [6, 1],
                  ],
                  ids: line.ids.slice(0, 5),
                },
              ]
            : [line],
        ),
      ),
    ).toEqual({
      'counts-agree': ['output-0: kafka-log counts 6 committed records, kafkajs was handed 5'],
    })
    expect(
      said(
        replaced((line) =>
          line.type === 'read' && line.reader === 'final'
            ? [{ ...line, ids: ['in-0', 'in-1', 'in-3', 'in-2', 'in-4', 'in-5'] }]
            : [line],
        ),
      ),
    ).toEqual({
      'counts-agree': ['output-0: both readers count 6 records, but not the same ones'],
    })
  })

  it('nothing to count', () => {
    const history = historyOf([run(), phase('warm', 1), end('input', 0), end('output', 0)])
    expect(askGuards(history).find(({ name }) => name === 'something-counted')?.missing).toEqual([
      'there was no input to count',
    ])
  })

  it('an error of the proxy, or a proxy that stood still', () => {
    expect(
      said(plus({ type: 'error', atMs: 5, code: 'rewrite-failed', message: 'cannot encode' })),
    ).toEqual({ 'proxy-sound': ['the proxy reported rewrite-failed: cannot encode'] })
    expect(said(plus({ type: 'loop-stalled', atMs: 5, stalledMs: 1_000 }))).toEqual({})
    expect(said(plus({ type: 'loop-stalled', atMs: 5, stalledMs: 1_001 }))).toHaveProperty(
      'proxy-sound',
    )
  })

  it('whatever the runner saw', () => {
    expect(
      said(plus({ type: 'guard', atMs: 5, guard: 'worker', message: 'the proxy worker ended' })),
    ).toEqual({ 'runner-content': ['the proxy worker ended'] })
  })

  it('each is a testcase of its own, and any alone makes the run INCONCLUSIVE', () => {
    const judgement = judge(historyOf(without('drain')(cleanLines())))
    expect(judgement.verdict).toBe('INCONCLUSIVE')
    expect(judgement.guards.map(({ name }) => name)).toEqual([
      ...guards.map(({ name }) => name),
      'checkers-worked',
    ])
  })
})
