// How clients use Kafka, as a table: a line per client and topic or group, and under it what is wrong. Pure text.
import type { ClientName, ClientPosture } from '../../proxy/events.ts'
import type { Output } from './output.ts'
import { count } from './words.ts'

type Colours = Output['colours']

/** `copier-0 (apache-kafka-java 4.3.1)`, by the best that is known. */
export function clientTitle({ instance, clientId, software, softwareVersion }: ClientName): string {
  const name = [instance, clientId === '' ? undefined : (clientId ?? undefined)]
    .filter((one, index, all) => one !== undefined && all.indexOf(one) === index)
    .join(' / ')
  const library = software === undefined ? '' : ` (${software} ${softwareVersion ?? ''})`
  return `${name === '' ? 'a client without an id' : name}${library.replace(' )', ')')}`
}

function useLines(client: ClientPosture): string[] {
  const { transactionalIds, transactionalIdCount, protocols, transactionTimeoutMs } = client
  const ids = transactionalIds.slice(0, 3).join(', ')
  const more = transactionalIdCount > 3 ? `, … (${count(transactionalIdCount)})` : ''
  const timeout = transactionTimeoutMs === undefined ? '' : `, timeout ${transactionTimeoutMs} ms`
  const words = {
    none: 'no offsets',
    'in-transactions': 'in transactions',
    outside: 'outside of transactions',
    both: 'in and outside of transactions',
  } as const
  return [
    ...client.produces.map(
      ({ topic, acks, idempotent, transactional }) =>
        `writes ${topic}: ${transactional ? 'transactions' : idempotent ? 'idempotent' : 'not idempotent'}, acks ${acks}`,
    ),
    ...client.reads.map(({ topic, isolation }) => `reads ${topic}: ${isolation}`),
    ...client.groups.map(
      ({ group, protocol, offsets, autoCommit }) =>
        `group ${group}${protocol === undefined ? '' : ` (${protocol})`}: offsets ${words[offsets]}${autoCommit ? ', by the clock' : ''}`,
    ),
    ...(transactionalIds.length === 0
      ? []
      : [
          `transactional id ${ids}${more}: ${protocols.join(' and ') || 'nothing ended yet'}${timeout}`,
        ]),
  ]
}

export function postureLines(clients: readonly ClientPosture[], colours: Colours): string[] {
  if (clients.length === 0) return ['', '  no client has been seen', '']
  return [
    ...clients.flatMap((client) => [
      '',
      `  ${colours.bold(clientTitle(client))}`,
      ...useLines(client).map((line) => `    ${line}`),
      ...client.problems.map(
        ({ problem, message }) => `    ${colours.yellow(problem)}  ${message}`,
      ),
    ]),
    '',
  ]
}

/** What is wrong, a line each, for the end of a run. */
export function problemLines(clients: readonly ClientPosture[]): string[] {
  return clients.flatMap((client) =>
    client.problems.map(({ message }) => `posture: ${clientTitle(client)} ${message}`),
  )
}
