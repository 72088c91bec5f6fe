// What the tracker sees, live, for people: one line for each step of a transaction, for each new identity of a
// producer and for each change of a group. In columns, so that one transaction can be followed down the page.
import type { ProxyEvent, TransactionEvidence } from '../../proxy/events.ts'
import { counted, duration } from './words.ts'

const instanceColumns = 10
const subjectColumns = 24
const phaseColumns = 9
const protocolColumns = 2
const messageColumns = 18

type Of<Type extends ProxyEvent['type']> = Extract<ProxyEvent, { type: Type }>

const evidenceWords: Readonly<Record<TransactionEvidence, string>> = {
  'end-retry-answered': 'EndTxn was repeated and accepted',
  'opposite-refused': 'the other decision was refused',
  'answer-seen': 'the answer never reached the client',
  'epoch-bumped': 'the client has the epoch that only an end hands out',
  'next-accepted': 'the next transaction had to wait for it',
  'next-decided': 'decided with the next transaction',
  'markers-seen': 'its markers were written',
  reinitialised: 'its producer was initialised anew',
  fenced: 'its producer was fenced',
  'nothing-to-end': 'nothing had been added to it',
}

/** Undefined for events that are of no transaction and no group. */
export function transactionLine(event: ProxyEvent): string | undefined {
  switch (event.type) {
    case 'transaction':
      return columns(event, event.instance, `${event.transactionalId} #${event.transaction}`, [
        event.phase.padEnd(phaseColumns),
        (event.protocol ?? '').padEnd(protocolColumns),
        event.phase === 'ended' ? ending(event) : step(event),
      ])
    case 'producer':
      return columns(event, event.instance, event.transactionalId, [
        `producer ${event.producerId} epoch ${event.producerEpoch} ${event.change}`,
      ])
    case 'group': {
      const unit = event.protocol === 'classic' ? 'generation' : 'epoch'
      // The first member has joined, and the group has no age yet.
      const age = event.epoch < 0 ? '' : `${unit} ${event.epoch}, `
      const size = counted(event.members, 'member')
      return columns(event, undefined, `group ${event.group}`, [
        event.state,
        `${age}${size}, ${counted(event.rebalances, 'rebalance')} so far`,
      ])
    }
    case 'oddity':
      return columns(event, undefined, event.transactionalId ?? event.group ?? '', [
        `odd: ${event.message}`,
      ])
    default:
      return undefined
  }
}

function columns(
  { atMs }: ProxyEvent,
  instance: string | undefined,
  subject: string,
  rest: readonly string[],
): string {
  const time = new Date(atMs).toISOString().slice(11, 23)
  return [time, (instance ?? '').padEnd(instanceColumns), subject.padEnd(subjectColumns), ...rest]
    .join('  ')
    .trimEnd()
}

function step({ api, asked, partitions }: Of<'transaction'>): string {
  const message = api === 'EndTxn' && asked !== undefined ? `EndTxn(${asked})` : (api ?? '')
  const places = partitions === undefined ? '' : counted(partitions.length, 'partition')
  return `${message.padEnd(messageColumns)}  ${places}`.trimEnd()
}

function ending({ outcome, evidence, brokerError, durationMs }: Of<'transaction'>): string {
  const how = [
    ...(brokerError === undefined || brokerError === 'NONE' ? [] : [`EndTxn met ${brokerError}`]),
    ...(evidence === undefined ? [] : [evidenceWords[evidence]]),
  ]
  const message = (outcome ?? '').padEnd(messageColumns)
  const took = durationMs === undefined ? '' : duration(durationMs)
  return `${message}  ${[took, ...how].filter((text) => text !== '').join(', ')}`.trimEnd()
}
