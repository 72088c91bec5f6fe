// Who may talk to the REST interface. On loopback: whoever names it by a loopback name, so that neither a page of
// another site nor a rebound DNS name gets in. Beyond loopback: whoever has the token, and nobody else.
import { createHash, timingSafeEqual } from 'node:crypto'
import { RestError } from './problem.ts'

export interface AccessRules {
  /** Required for everything but health, readiness, the page and the description of REST. */
  token: string | undefined
  /** Names beside loopback ones by which a caller without a token may call us. */
  hosts: readonly string[]
}

/** What of a request decides about access. */
export interface Caller {
  path: string
  host: string | undefined
  origin: string | undefined
  authorization: string | undefined
}

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]', '::1'])

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\./.test(host)
}

/** The name in a Host header, without its port. */
function nameOf(host: string): string {
  return host.startsWith('[')
    ? host.replace(/\]:[0-9]+$/, ']').toLowerCase()
    : host.replace(/:[0-9]+$/, '').toLowerCase()
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Open to anybody who reaches the port: they say nothing of the cluster and change nothing. */
export const openRoutes: readonly string[] = ['/', '/health', '/ready', '/openapi.json', '/docs']

const isOpen = (path: string): boolean => openRoutes.includes(path) || path.startsWith('/docs/')

/** Throws when the caller may not go on. */
export function createAccess({ token, hosts }: AccessRules): (caller: Caller) => void {
  const wanted = token === undefined ? undefined : digest(token)
  const known = new Set([...loopbackNames, ...hosts.map((host) => host.toLowerCase())])

  function hasToken(authorization: string | undefined): boolean {
    const given = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1]
    // Digests are of one length, so that comparing tells nothing of the token, its length included.
    return wanted !== undefined && given !== undefined && timingSafeEqual(digest(given), wanted)
  }

  return ({ path, host, origin, authorization }) => {
    // A browser sends Origin with whatever another site's page asks of it.
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw new RestError(
        'foreign-origin',
        `requests from pages of ${origin} are refused`,
        'Call from the page that this proxy serves, or from a program.',
      )
    }
    if (isOpen(path) || hasToken(authorization)) return
    if (wanted !== undefined) {
      throw new RestError(
        'not-authorized',
        authorization === undefined ? 'a token is needed' : 'the token is not the right one',
        'Send it as `Authorization: Bearer TOKEN`.',
      )
    }
    if (host === undefined || !known.has(nameOf(host))) {
      throw new RestError(
        'unknown-host',
        `this proxy is not called ${host ?? 'that'}`,
        'Call it by localhost or 127.0.0.1, or start it with a token.',
      )
    }
  }
}
