// The feed of events, newest first, narrowed by sort and by words.
import { signal } from '@preact/signals'
import { type Entry, type Sort, sorts } from './model/feed.ts'
import { feed, missed, pulse } from './state.ts'
import { clock, number } from './words.ts'

const rowsMax = 120

const wanted = signal<ReadonlySet<Sort>>(new Set<Sort>(['faults', 'outcomes', 'groups', 'trouble']))
const search = signal('')
/** What was shown when it was told to stand still. */
const still = signal<readonly Entry[] | undefined>(undefined)

const read = (): Entry[] => feed.read(wanted.value, search.value, rowsMax)

export function FeedView() {
  void pulse.value
  const entries = still.value ?? read()
  return (
    <section class="card feed" aria-labelledby="feed-title">
      <header>
        <h2 id="feed-title">Events</h2>
        {missed.value === 0 ? null : <span class="warn">{number(missed.value)} were missed</span>}
        <span class="spring" />
        <button
          type="button"
          aria-pressed={still.value !== undefined}
          onClick={() => {
            still.value = still.value === undefined ? read() : undefined
          }}
        >
          Stand still
        </button>
        <input
          type="search"
          aria-label="Find in events"
          placeholder="Find …"
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value
          }}
        />
      </header>
      <fieldset class="segments" aria-label="Sorts of events">
        {sorts.map((sort) => (
          <button
            type="button"
            key={sort}
            aria-pressed={wanted.value.has(sort)}
            onClick={() => {
              const next = new Set(wanted.value)
              if (!next.delete(sort)) next.add(sort)
              wanted.value = next
            }}
          >
            {sort}
          </button>
        ))}
      </fieldset>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it */}
      <ol class="entries" tabIndex={0} aria-label="Events, newest first">
        {/* By place and not by event: where all of them are new, rows are written anew, not made anew. */}
        {entries.map(({ atMs, sort, subject, text }, place) => (
          <li key={place} class={`sort-${sort}`}>
            <time>{clock(atMs)}</time> <b>{subject}</b> <span>{text}</span>
          </li>
        ))}
      </ol>
      {entries.length === 0 ? <p class="quiet">Nothing of these sorts yet.</p> : null}
    </section>
  )
}
