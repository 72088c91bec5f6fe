// What stands in tables: transactional ids, groups, brokers and links, connections that are hurt, clients.
import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { type Client, call, type Transaction } from './rest.ts'
import { brokers, clients, connections, groups, links, transactions } from './state.ts'
import { duration, number } from './words.ts'

/** Rows written; the rest is counted. */
const rowsMax = 200
/** A transaction that has been open for longer than this is marked. */
const longOpenMs = 10_000

const search = signal('')
const onlyOpen = signal(false)

function Table({
  caption,
  heads,
  children,
}: {
  caption: string
  heads: readonly string[]
  children: ComponentChildren
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <section class="table-scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  )
}

const isOpen = ({ phase }: Transaction): boolean => phase !== 'idle' && phase !== 'ended'

function stateOf(view: Transaction): { word: string; look: string } {
  if (view.marks.length > 0) return { word: view.marks.join(', '), look: 'unknown' }
  if (view.fenced) return { word: 'fenced', look: 'unknown' }
  if (isOpen(view)) return { word: 'open', look: 'open' }
  const outcome = view.lastOutcome
  return outcome === undefined ? { word: 'idle', look: 'unseen' } : { word: outcome, look: outcome }
}

export function TransactionsTable() {
  const needle = search.value.toLowerCase()
  const all = transactions.value
  const fitting = all
    .filter((view) => !onlyOpen.value || isOpen(view))
    .filter(({ transactionalId, instance }) =>
      `${transactionalId} ${instance ?? ''}`.toLowerCase().includes(needle),
    )
    .sort((a, b) => b.ageMs - a.ageMs)
  return (
    <section class="card" aria-labelledby="ids-title">
      <header>
        <h2 id="ids-title">Transactional ids</h2>
        <span class="quiet">
          {number(fitting.length)} of {number(all.length)}
        </span>
        <span class="spring" />
        <label class="check">
          <input
            type="checkbox"
            checked={onlyOpen.value}
            onChange={(event) => {
              onlyOpen.value = event.currentTarget.checked
            }}
          />
          open only
        </label>
        <input
          type="search"
          aria-label="Find a transactional id"
          placeholder="Find …"
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value
          }}
        />
      </header>
      <Table
        caption="Transactional ids"
        heads={[
          'id',
          'state',
          'phase',
          'nth',
          'age',
          'producer',
          'epoch',
          'protocol',
          'coordinator',
          'partitions',
        ]}
      >
        {fitting.slice(0, rowsMax).map((view) => {
          const { word, look } = stateOf(view)
          return (
            <tr key={view.transactionalId}>
              <th scope="row">{view.transactionalId}</th>
              <td>
                <i class={`swatch ${look}`} aria-hidden="true" /> {word}
              </td>
              <td>{view.phase}</td>
              <td class="numeric">{number(view.transaction)}</td>
              <td class={`numeric ${view.ageMs > longOpenMs ? 'warn' : ''}`}>
                {view.ageMs > 0 ? duration(view.ageMs) : ''}
              </td>
              <td class="numeric">{view.producerId}</td>
              <td class="numeric">{view.producerEpoch}</td>
              <td>{view.protocol ?? ''}</td>
              <td class="numeric">{view.coordinator ?? ''}</td>
              <td title={view.partitions.join(' ')}>{placesOf(view.partitions)}</td>
            </tr>
          )
        })}
      </Table>
      {fitting.length > rowsMax ? (
        <p class="quiet">
          {number(fitting.length - rowsMax)} more are not shown; narrow them down.
        </p>
      ) : null}
    </section>
  )
}

function placesOf(partitions: readonly string[]): string {
  if (partitions.length <= 2) return partitions.join(', ')
  return `${partitions.slice(0, 2).join(', ')} and ${partitions.length - 2} more`
}

export function GroupsTable() {
  return (
    <section class="card" aria-labelledby="groups-title">
      <header>
        <h2 id="groups-title">Groups</h2>
      </header>
      {groups.value.length === 0 ? (
        <p class="quiet">None has been seen.</p>
      ) : (
        <Table
          caption="Groups"
          heads={['group', 'state', 'epoch', 'members', 'rebalances', 'protocol', 'coordinator']}
        >
          {groups.value.slice(0, rowsMax).map((view) => (
            <tr key={view.group}>
              <th scope="row">{view.group}</th>
              <td class={view.state === 'rebalancing' ? 'warn' : ''}>{view.state}</td>
              <td class="numeric">{view.epoch < 0 ? '' : view.epoch}</td>
              <td class="numeric">{view.members.length}</td>
              <td class="numeric">{view.rebalances}</td>
              <td>{view.protocol}</td>
              <td class="numeric">{view.coordinator ?? ''}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  )
}

export function BrokersTable() {
  const hurt = connections.value.filter((connection) => connection.hurt.length > 0)
  return (
    <section class="card" aria-labelledby="brokers-title">
      <header>
        <h2 id="brokers-title">Brokers and links</h2>
      </header>
      <Table caption="Brokers" heads={['broker', 'address', 'proxy ports', 'links', 'hurt now']}>
        {brokers.value.map(({ node, address, connections: count, hurtConnections }) => (
          <tr key={node}>
            <th scope="row">{node}</th>
            <td>{address === undefined ? '' : `${address.host}:${address.port}`}</td>
            <td>{portsOf(node)}</td>
            <td class="numeric">{count}</td>
            <td class={hurtConnections > 0 ? 'numeric warn' : 'numeric'}>
              {hurtConnections > 0 ? `${hurtConnections} hurt` : '0'}
            </td>
          </tr>
        ))}
      </Table>
      {hurt.length === 0 ? null : (
        <Table caption="Connections hurt now" heads={['connection', 'of', 'to', 'what', '']}>
          {hurt.slice(0, rowsMax).map(({ id, clientId, instance, node, hurt: how, remote }) => (
            <tr key={id}>
              <th scope="row">{id}</th>
              <td>{instance ?? clientId ?? remote}</td>
              <td>{node < 0 ? 'bootstrap' : `broker ${node}`}</td>
              <td class="warn">{how.join(', ')}</td>
              <td>
                <button
                  type="button"
                  onClick={() => {
                    call('DELETE', `v1/connections/${id}`).catch(() => {
                      // Gone already: the next list shows it.
                    })
                  }}
                >
                  Close<span class="hidden"> connection {id}</span>
                </button>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  )
}

function portsOf(node: number): string {
  return links.value
    .flatMap(({ instance, ports }) =>
      ports
        .filter((port) => port.node === node)
        .map(({ address }) => `${instance === undefined ? '' : `${instance} `}:${address.port}`),
    )
    .join(' ')
}

function producesOf({ produces }: Client): string {
  return produces
    .map(({ topic, acks, idempotent, transactional }) => {
      const how = transactional ? 'transactional' : idempotent ? 'idempotent' : `acks ${acks}`
      return `${topic}: ${how}`
    })
    .join(', ')
}

const readsOf = ({ reads }: Client): string =>
  reads.map(({ topic, isolation }) => `${topic}: ${isolation}`).join(', ')

export function ClientsTable() {
  const list = clients.value
  if (list === undefined) return null
  return (
    <section class="card" aria-labelledby="clients-title">
      <header>
        <h2 id="clients-title">Posture of clients</h2>
      </header>
      {list.length === 0 ? (
        <p class="quiet">None has been seen.</p>
      ) : (
        <Table
          caption="Posture of clients"
          heads={['client', 'library', 'protocol', 'produces', 'reads', 'problems']}
        >
          {list.slice(0, rowsMax).map((client) => (
            <tr key={`${client.instance} ${client.clientId} ${client.software}`}>
              <th scope="row">{client.instance ?? client.clientId ?? '(no id)'}</th>
              <td>{[client.software, client.softwareVersion].join(' ')}</td>
              <td>{client.protocols.join(', ')}</td>
              <td>{producesOf(client)}</td>
              <td>{readsOf(client)}</td>
              <td class={client.problems.length > 0 ? 'warn' : ''}>
                {client.problems.length === 0 ? (
                  'none'
                ) : (
                  <ul>
                    {client.problems.map(({ problem, topic, group, transactionalId }) => (
                      <li key={`${problem} ${topic} ${group} ${transactionalId}`}>
                        {[problem.replaceAll('-', ' '), topic ?? group ?? transactionalId]
                          .filter((text) => text !== undefined)
                          .join(': ')}
                      </li>
                    ))}
                  </ul>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  )
}
