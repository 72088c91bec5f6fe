// Ending a transaction by hand: asked for once more before it is done, since whoever produces under its id is fenced.
import { signal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { type Aborted, call, Refusal } from './rest.ts'

const doneShownMs = 8_000

interface Wanted {
  /** As REST is to be given it. */
  id: string
  /** What stands to be lost, in words. */
  words: string
}

const wanted = signal<(Wanted & { done?: () => void }) | undefined>(undefined)
const isBusy = signal(false)
const trouble = signal('')
const done = signal('')

export function AbortButton({ what, done: after }: { what: Wanted; done?: () => void }) {
  return (
    <button
      type="button"
      class="danger small"
      onClick={() => {
        trouble.value = ''
        done.value = ''
        wanted.value = { ...what, ...(after === undefined ? {} : { done: after }) }
      }}
    >
      Abort …<span class="hidden"> {what.id}</span>
    </button>
  )
}

const ways: Record<Aborted['how'], string> = {
  'producer-fenced': 'its producer is fenced',
  'markers-written': 'markers were written',
}

async function abort({ id, done: after }: Wanted & { done?: () => void }): Promise<void> {
  isBusy.value = true
  trouble.value = ''
  try {
    const path = `v1/transactions/${encodeURIComponent(id)}/abort`
    const answer = await call('POST', path, { body: { confirm: id } })
    const { how } = (await answer.json()) as Aborted
    const words = `${id} is aborted: ${ways[how]}.`
    done.value = words
    setTimeout(() => {
      if (done.value === words) done.value = ''
    }, doneShownMs)
    wanted.value = undefined
    after?.()
  } catch (cause) {
    const remedy = cause instanceof Refusal ? ` ${cause.remedy}` : ''
    trouble.value = `${cause instanceof Error ? cause.message : String(cause)}.${remedy}`
  } finally {
    isBusy.value = false
  }
}

/** Stands once on the page, whoever asks. */
export function AbortDialog() {
  const ref = useRef<HTMLDialogElement>(null)
  const what = wanted.value
  const shown = useRef<Wanted | undefined>(undefined)
  useLayoutEffect(() => {
    const dialog = ref.current!
    if (what !== undefined) shown.current = what
    if (what !== undefined && !dialog.open) dialog.showModal()
    if (what === undefined && dialog.open) dialog.close()
  }, [what])
  return (
    <>
      <p class="toast" role="status">
        {done.value}
      </p>
      <dialog
        ref={ref}
        aria-labelledby="abort-title"
        onClose={() => {
          // Told later than it happens: by then somebody may have asked for another one.
          if (wanted.value === shown.current) wanted.value = undefined
        }}
      >
        <h2 id="abort-title">Abort {what?.id}?</h2>
        <p>{what?.words}</p>
        <p>
          What it has written is aborted, and whoever produces under this id is fenced: its next
          request fails, and it has to begin anew.
        </p>
        {trouble.value === '' ? null : (
          <p class="problem" role="alert">
            {trouble.value}
          </p>
        )}
        <div class="hands">
          <button
            type="button"
            class="danger"
            disabled={isBusy.value}
            onClick={() => {
              if (what !== undefined) void abort(what)
            }}
          >
            Abort it
          </button>
          {/* What does no harm is what the enter key should do. */}
          <button type="button" autofocus onClick={() => ref.current?.close()}>
            Leave it
          </button>
        </div>
      </dialog>
    </>
  )
}
