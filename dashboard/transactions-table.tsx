// The transactional ids: where each stands, those that hang by the brokers' own word, and ending one by hand.
import { signal } from '@preact/signals'
import { AbortButton } from './abort-dialog.tsx'
import { ask, type HangingTransaction, Refusal, type Transaction } from './rest.ts'
import { transactions } from './state.ts'
import { rowsMax, Table } from './table.tsx'
import { duration, number } from './words.ts'

/** A transaction that has been open for longer than this is marked. */
const longOpenMs = 10_000

const search = signal('')
const onlyOpen = signal(false)

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
    .sort(byNeed)
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
          '',
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
              <td>
                {isOpen(view) ? (
                  <AbortButton
                    what={{
                      id: view.transactionalId,
                      words: `Transaction ${number(view.transaction)} of ${view.transactionalId}, open for ${duration(view.ageMs)}, on ${placesOf(view.partitions) || 'no partition yet'}.`,
                    }}
                  />
                ) : null}
              </td>
            </tr>
          )
        })}
      </Table>
      {fitting.length > rowsMax ? (
        <p class="quiet">
          {number(fitting.length - rowsMax)} more are not shown; narrow them down.
        </p>
      ) : null}
      <Hanging />
    </section>
  )
}

function placesOf(partitions: readonly string[]): string {
  if (partitions.length <= 2) return partitions.join(', ')
  return `${partitions.slice(0, 2).join(', ')} and ${partitions.length - 2} more`
}

/** What needs a look comes first; all others keep their places, so that a row can be read and hit. */
function byNeed(a: Transaction, b: Transaction): number {
  const need = (view: Transaction) => (view.marks.length > 0 ? 2 : view.ageMs > longOpenMs ? 1 : 0)
  const difference = need(b) - need(a)
  return difference === 0 ? collator.compare(a.transactionalId, b.transactionalId) : difference
}
const collator = new Intl.Collator('en', { numeric: true })

const hanging = signal<readonly HangingTransaction[] | undefined>(undefined)
const isAsking = signal(false)
const trouble = signal('')

/** Every broker is asked, so only when somebody wants to know. */
async function findHanging(): Promise<void> {
  isAsking.value = true
  trouble.value = ''
  try {
    const answer = await ask<{ transactions: HangingTransaction[] }>('v1/hanging-transactions')
    hanging.value = answer.transactions
  } catch (cause) {
    const remedy = cause instanceof Refusal ? ` ${cause.remedy}` : ''
    trouble.value = `${cause instanceof Error ? cause.message : String(cause)}.${remedy}`
  } finally {
    isAsking.value = false
  }
}

const reasons: Record<HangingTransaction['why'], string> = {
  'nobody-knows-it': 'no coordinator knows it',
  'past-its-timeout': 'past its timeout',
  'open-for-long': 'open for long',
}

function Hanging() {
  const found = hanging.value
  return (
    <div class="hanging">
      <button type="button" disabled={isAsking.value} onClick={() => void findHanging()}>
        {isAsking.value ? 'Asking …' : 'Ask the brokers what hangs'}
      </button>{' '}
      <span class="quiet" role="status">
        {found === undefined || isAsking.value
          ? ''
          : found.length === 0
            ? 'Nothing has been open for longer than a minute.'
            : `${number(found.length)} found.`}
      </span>
      {trouble.value === '' ? null : (
        <p class="problem" role="alert">
          {trouble.value}
        </p>
      )}
      {found === undefined || found.length === 0 ? null : (
        <Table
          caption="Hanging transactions"
          heads={['id', 'why', 'age', 'producer', 'epoch', 'partitions', '']}
        >
          {found.slice(0, rowsMax).map(({ id, why, ageMs, partitions, ...producer }) => (
            <tr key={id}>
              <th scope="row">{id}</th>
              <td class="warn">{reasons[why]}</td>
              <td class="numeric">{duration(ageMs)}</td>
              <td class="numeric">{producer.producerId}</td>
              <td class="numeric">{producer.producerEpoch}</td>
              <td title={partitions.join(' ')}>{placesOf(partitions)}</td>
              <td>
                <AbortButton
                  what={{
                    id,
                    words: `It has been open for ${duration(ageMs)}, on ${placesOf(partitions)}; ${reasons[why]}.`,
                  }}
                  done={() => void findHanging()}
                />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </div>
  )
}
