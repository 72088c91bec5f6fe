// The page as a whole: its head, and what stands where.
import { signal } from '@preact/signals'
import { AbortDialog } from './abort-dialog.tsx'
import { Charts } from './charts.tsx'
import { FaultsView } from './faults-view.tsx'
import { FeedView } from './feed-view.tsx'
import { LanesView } from './lanes-view.tsx'
import { setToken } from './rest.ts'
import { health, needsToken, stream, verdict } from './state.ts'
import { BrokersTable, ClientsTable, GroupsTable } from './tables.tsx'
import { setTheme, theme, themes } from './theme.ts'
import { TransactionsTable } from './transactions-table.tsx'

const streamWords = {
  connecting: 'connecting',
  open: 'live',
  lost: 'connection lost, trying again',
  refused: 'token needed',
} as const

export function Page({ start }: { start: () => void }) {
  return (
    <>
      <Head />
      {needsToken.value ? <TokenForm start={start} /> : <Body />}
    </>
  )
}

function Head() {
  const said = verdict.value
  return (
    <header class="page-head">
      <h1>eos-gauntlet</h1>
      {health.value === undefined ? null : <span class="quiet">{health.value.version}</span>}
      <span class={`stream ${stream.value}`} role="status">
        {streamWords[stream.value]}
      </span>
      <span class="spring" />
      {said === undefined ? null : (
        <span class="verdict">
          <span class={`badge verdict-${said.verdict}`}>{said.verdict}</span>
          <span class="quiet">
            {said.run === undefined ? '' : `run ${said.run}: `}
            {said.reasons.join('; ')}
          </span>
        </span>
      )}
      <label class="check">
        <span class="hidden">Colours</span>
        <select
          value={theme.value}
          onChange={(event) => {
            const next = themes.find((one) => one === event.currentTarget.value)
            if (next !== undefined) setTheme(next)
          }}
        >
          {themes.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
    </header>
  )
}

function Body() {
  return (
    <main>
      <div class="wide">
        <LanesView />
        <Charts />
        <TransactionsTable />
        <div class="pair">
          <BrokersTable />
          <GroupsTable />
        </div>
        <ClientsTable />
      </div>
      <div class="narrow">
        <FaultsView />
        <FeedView />
      </div>
      <AbortDialog />
    </main>
  )
}

const given = signal('')

function TokenForm({ start }: { start: () => void }) {
  return (
    <main class="token">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          setToken(given.value.trim())
          given.value = ''
          start()
        }}
      >
        <h2>This proxy asks for a token</h2>
        <p>
          It was started with one, in GAUNTLET_TOKEN or a file. It is kept until this tab is closed.
        </p>
        <label class="row">
          <span>Token</span>
          <input
            type="password"
            autocomplete="off"
            value={given.value}
            onInput={(event) => {
              given.value = event.currentTarget.value
            }}
          />
        </label>
        <button type="submit" class="primary">
          Go on
        </button>
      </form>
    </main>
  )
}
