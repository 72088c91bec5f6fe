// Faults that are armed: what each has done, and the hands on it.
import { signal } from '@preact/signals'
import { FaultForm } from './fault-form.tsx'
import { call, type Fault, proxyNowMs, Refusal } from './rest.ts'
import { faults, pulse, refreshFaults } from './state.ts'
import { clock, duration } from './words.ts'

const trouble = signal('')

async function act(method: 'POST' | 'DELETE', path: string): Promise<void> {
  trouble.value = ''
  try {
    await call(method, path)
  } catch (cause) {
    const remedy = cause instanceof Refusal ? ` ${cause.remedy}` : ''
    trouble.value = `${cause instanceof Error ? cause.message : String(cause)}.${remedy}`
  }
  await refreshFaults()
}

export const healAll = (): Promise<void> => act('POST', 'v1/heal')

export function FaultsView() {
  void pulse.value
  const list = faults.value
  return (
    <section class="card faults" aria-labelledby="faults-title">
      <header>
        <h2 id="faults-title">Faults</h2>
        <span class="spring" />
        <button type="button" disabled={list.length === 0} onClick={() => void healAll()}>
          Heal and disarm all
        </button>
      </header>
      {trouble.value === '' ? null : (
        <p class="problem" role="alert">
          {trouble.value}
        </p>
      )}
      {list.length === 0 ? (
        <p class="quiet">None is armed.</p>
      ) : (
        <ul class="fault-list">
          {list.map((fault) => (
            <FaultItem key={fault.name} fault={fault} />
          ))}
        </ul>
      )}
      <h3>Arm a fault</h3>
      <FaultForm />
    </section>
  )
}

function FaultItem({ fault }: { fault: Fault }) {
  const { name, kind, state, matched, fired, applied, healed, expiresAtMs, spec } = fault
  const path = `v1/faults/${encodeURIComponent(name)}`
  // Only what waits for this word can be let go.
  const waits = JSON.stringify(spec ?? {}).includes('"released"')
  const last = fault.firings.at(-1)
  const left = expiresAtMs === undefined ? undefined : Math.max(0, expiresAtMs - proxyNowMs())
  return (
    <li data-fault={name}>
      <div class="fault-head">
        <b class="fault-name">{name}</b> <span class="kind">{kind}</span>
        <span class={`badge state-${state}`}>{state}</span>
        {left === undefined ? null : <span class="quiet">{duration(left)} left</span>}
      </div>
      <dl class="counts">
        {Object.entries({ matched, fired, applied, healed }).map(([word, count]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>{count}</dd>
          </div>
        ))}
      </dl>
      {last === undefined ? null : (
        <p class="firing">
          {clock(last.firedAtMs)} {last.effect ?? 'fired'}
          {last.brokerAnswer === undefined ? '' : `; the broker answered ${last.brokerAnswer}`}
          {last.targets === undefined ? '' : ` (${last.targets.join(', ')})`}
        </p>
      )}
      <div class="hands">
        <button type="button" onClick={() => void act('POST', `${path}/fire`)}>
          Fire<span class="hidden"> {name}</span>
        </button>
        {waits ? (
          <button type="button" onClick={() => void act('POST', `${path}/release`)}>
            Release<span class="hidden"> {name}</span>
          </button>
        ) : null}
        <button
          type="button"
          disabled={state !== 'active'}
          onClick={() => void act('POST', `${path}/heal`)}
        >
          Heal<span class="hidden"> {name}</span>
        </button>
        <button type="button" class="danger" onClick={() => void act('DELETE', path)}>
          Disarm<span class="hidden"> {name}</span>
        </button>
      </div>
    </li>
  )
}
