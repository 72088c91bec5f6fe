// `gauntlet txn`: transactions listed, described, found hanging, and aborted after a confirmation; at the brokers or
// at a running proxy.
import { createInterface } from 'node:readline/promises'
import { exitCodes, OperatorError } from '../../proxy/errors.ts'
import { durationMs } from '../../proxy/faults/vocabulary.ts'
import { describedLines, hangingTable, transactionTable } from '../reports/transaction-table.ts'
import type { TransactionDesk } from '../transaction-desk.ts'
import { accessOf } from './access-flags.ts'
import {
  addressesOf,
  type CommandContext,
  chosenWord,
  proxyOf,
  type RawOptions,
  text,
  usageError,
} from './flags.ts'

const actions = ['list', 'describe', 'find-hanging', 'abort'] as const
const olderThanDefault = '1m'

export async function txnCommand(
  given: string | undefined,
  id: string | undefined,
  options: RawOptions,
  context: CommandContext,
): Promise<number> {
  const action = chosenWord('action of txn', given ?? 'list', actions)
  const { output } = context
  const { colours } = output
  const json = options.json === true
  const say = (lines: readonly string[]): void => output.write(`${lines.join('\n')}\n`)
  const data = (value: unknown): void => output.write(`${JSON.stringify(value, null, 2)}\n`)
  const named = (): string => {
    if (id !== undefined) return id
    throw usageError(`txn ${action} needs an id`, 'See `gauntlet txn list`.')
  }
  if (action === 'abort') await confirm(named(), options.yes === true, context)
  const desk = await openDesk(options)
  try {
    switch (action) {
      case 'list': {
        const found = await desk.list()
        if (json) data(found)
        else say(transactionTable(found, colours))
        return exitCodes.asExpected
      }
      case 'describe': {
        const found = await desk.describe(named())
        if (found.seen === undefined && found.cluster === undefined) {
          throw new OperatorError(
            'unknown-transaction',
            `nobody knows the transactional id "${named()}"`,
            'See `gauntlet txn list`.',
          )
        }
        if (json) data(found)
        else say(describedLines(found, Date.now()))
        return exitCodes.asExpected
      }
      case 'find-hanging': {
        const found = await desk.hanging(olderThan(options))
        if (json) data(found)
        else say(hangingTable(found, colours))
        return exitCodes.asExpected
      }
      case 'abort': {
        const { how, producerId, producerEpoch } = await desk.abort(named())
        const done =
          how === 'producer-fenced'
            ? `its producer was fenced (now ${producerId}, epoch ${producerEpoch})`
            : 'an abort marker was written'
        if (json) data({ id: named(), how, producerId, producerEpoch })
        else say([`  ${named()} is aborted: ${done}`])
        return exitCodes.asExpected
      }
    }
  } finally {
    desk.close()
  }
}

async function openDesk(options: RawOptions): Promise<TransactionDesk> {
  if (options.bootstrap !== undefined && options.proxy !== undefined) {
    throw usageError(
      '--bootstrap cannot stand beside --proxy',
      'Ask the brokers or the proxy, not both.',
    )
  }
  const { deskAtBrokers, deskAtProxy } = await import('../transaction-desk.ts')
  return options.bootstrap === undefined
    ? deskAtProxy(proxyOf(options))
    : deskAtBrokers(addressesOf('--bootstrap', options.bootstrap), accessOf(options))
}

function olderThan(options: RawOptions): number {
  const given = text('--older-than', options.olderThan ?? olderThanDefault)
  if (/^[0-9]+(\.[0-9]+)?(ms|s|m|h)$/.test(given)) return durationMs(given)
  throw usageError(`--older-than ${given} is no length of time`, 'Write 30s or 10m.')
}

/** Aborting takes the transaction from a producer that may live: nobody does that by accident. */
async function confirm(id: string, isMeant: boolean, { output, signal }: CommandContext) {
  if (isMeant) return
  if (process.stdin.isTTY !== true) {
    throw usageError(
      `nobody can be asked whether ${id} is really to be aborted`,
      'Say so with --yes.',
    )
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const question = `Abort the transaction of ${id}? Its producer is fenced if it lives. Type the id: `
    const answer = await terminal.question(question, { signal })
    if (answer.trim() === id) return
  } finally {
    terminal.close()
  }
  output.writeError('Nothing was aborted.\n')
  throw usageError('the answer was not the id', 'Type it as it stands in the list.')
}
