// Starts the page: draws it, and follows the proxy.
import './page.css'
import { render } from 'preact'
import { loadFaultSchema } from './fault-form.tsx'
import { Page } from './page.tsx'
import { Refusal } from './rest.ts'
import { follow, needsToken } from './state.ts'

const schemaAgainMs = 2_000

let following = new AbortController()

function start(): void {
  following.abort()
  following = new AbortController()
  needsToken.value = false
  follow(following.signal)
  void readSchema(following.signal)
}

/** The proxy may be away when the page is opened. */
async function readSchema(signal: AbortSignal): Promise<void> {
  try {
    await loadFaultSchema()
  } catch (cause) {
    if (cause instanceof Refusal && cause.status === 401) return
    setTimeout(() => {
      if (!signal.aborted) void readSchema(signal)
    }, schemaAgainMs)
  }
}

const place = document.querySelector('#page')
if (place === null) throw new Error('there is no place for the page')
render(<Page start={start} />, place)
start()
