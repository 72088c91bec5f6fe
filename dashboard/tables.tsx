// What stands in tables beside the transactional ids: groups, brokers and links, connections that are hurt, clients.
import { type Client, call } from './rest.ts'
import { brokers, clients, connections, groups, links } from './state.ts'
import { rowsMax, Table } from './table.tsx'

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
