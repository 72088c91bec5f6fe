// TLS around a socket, split from sockets.ts: the broker's side that is dialled, and the client's side that is
// terminated. Plain connections never come here.
import type net from 'node:net'
import tls from 'node:tls'
import type { BrokerTls, DoorTls, KeyPair, WrongCertificate } from './access.ts'

/** How long a client may take for its handshake. */
const handshakeLimitMs = 15_000

const isIp = (host: string): boolean => /^[0-9.]+$/.test(host) || host.includes(':')

/** Dials with TLS; `identity` takes the place of our own, for a client that has shown who it is. */
export function connectTls(
  { host, port }: { host: string; port: number },
  { ca, identity: own, serverName, checksName }: BrokerTls,
  identity: KeyPair | undefined = own,
): tls.TLSSocket {
  const name = serverName ?? host
  return tls.connect({
    host,
    port,
    allowHalfOpen: true,
    ...(ca === undefined ? {} : { ca }),
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
    // An IP address is no name that TLS could ask for; it is checked against the certificate all the same.
    ...(isIp(name) ? {} : { servername: name }),
    checkServerIdentity: (_, certificate) =>
      checksName ? tls.checkServerIdentity(name, certificate) : undefined,
  } as tls.ConnectionOptions)
}

/** What becomes of a connection that has just been accepted, before anything was read. */
export type Greeting =
  | 'reset'
  /** Its handshake is begun and cut: the client's first bytes are answered with a reset. */
  | { cutInHandshake: () => void }
  | { certificate: WrongCertificate | undefined; told: () => void }

export interface TlsTerminator {
  /** Takes an accepted connection through its handshake. */
  receive(raw: net.Socket, greeting: Exclude<Greeting, 'reset'>): void
  /** Ends the handshakes that are under way. */
  close(): void
}

/** A client's subject as one line, most specific part first: `CN=app,OU=sales,O=shop`. */
function subjectOf(socket: tls.TLSSocket): string | undefined {
  const { subject } = socket.getPeerCertificate()
  if (subject === undefined || subject === null) return undefined
  return Object.entries(subject)
    .reverse()
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}=${one}`))
    .join(',')
}

/**
 * Terminates TLS. One server for each certificate, so that a client that comes back while a wrong one is presented
 * cannot resume its old session and never look at it.
 */
export function terminateTls(
  door: DoorTls,
  secured: (socket: tls.TLSSocket, raw: net.Socket, subject: string | undefined) => void,
  failed: (reason: string) => void,
): TlsTerminator {
  const servers = new Map<WrongCertificate | undefined, tls.Server>()
  const arriving = new Map<string, { raw: net.Socket; told: () => void }>()
  const keyOf = (socket: net.Socket): string => `${socket.remoteAddress}:${socket.remotePort}`

  function serverFor(certificate: WrongCertificate | undefined): tls.Server {
    const known = servers.get(certificate)
    if (known !== undefined) return known
    const pair = certificate === undefined ? door.identity : door.wrong[certificate]
    const server = tls.createServer({
      cert: pair.certificate,
      key: pair.key,
      allowHalfOpen: true,
      handshakeTimeout: handshakeLimitMs,
      ...(door.clientCa === undefined
        ? {}
        : { ca: door.clientCa, requestCert: true, rejectUnauthorized: true }),
    } as tls.TlsOptions)
    server.on('secureConnection', (socket) => {
      const key = keyOf(socket)
      const arrived = arriving.get(key)
      arriving.delete(key)
      if (arrived === undefined) {
        // It was closed while the last bytes of its handshake were read.
        socket.destroy()
        return
      }
      arrived.told()
      secured(socket, arrived.raw, door.clientCa === undefined ? undefined : subjectOf(socket))
    })
    server.on('tlsClientError', (cause: NodeJS.ErrnoException, socket) => {
      // That is what a wrong certificate is presented for.
      if (certificate !== undefined) arriving.get(keyOf(socket))?.told()
      // Somebody who only looked whether the port is open is none of our business.
      else if (cause.code !== 'ECONNRESET') failed(cause.code ?? cause.message)
      socket.destroy()
    })
    if (certificate !== undefined) {
      // Keys of the handshake exist once our certificate is under way, and some clients leave without a word then.
      server.on('keylog', (_line, socket) => arriving.get(keyOf(socket))?.told())
    }
    servers.set(certificate, server)
    return server
  }

  return {
    receive(raw, greeting) {
      if ('cutInHandshake' in greeting) {
        raw.on('error', () => raw.destroy())
        raw.once('data', () => {
          raw.resetAndDestroy()
          greeting.cutInHandshake()
        })
        return
      }
      const key = keyOf(raw)
      let isTold = false
      const told = (): void => {
        if (!isTold) greeting.told()
        isTold = true
      }
      arriving.set(key, { raw, told })
      raw.once('close', () => arriving.delete(key))
      serverFor(greeting.certificate).emit('connection', raw)
    },
    close() {
      for (const { raw } of arriving.values()) raw.destroy()
    },
  }
}
