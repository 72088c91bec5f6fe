// Where the running proxy is that a command talks to: --proxy, or GAUNTLET_URL, or the address that a proxy has unless
// it was given another.
import type { RestProxy } from '../rest-client.ts'
import { proxyAddress, type RawOptions, restToken, text } from './flags.ts'

const urlDefault = 'http://127.0.0.1:8474'

export function restOf(options: RawOptions): RestProxy {
  const given =
    options.proxy === undefined
      ? (process.env.GAUNTLET_URL ?? urlDefault)
      : text('--proxy', options.proxy)
  return { url: proxyAddress(given), token: restToken() }
}
