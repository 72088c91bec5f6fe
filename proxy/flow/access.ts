// How brokers are reached, and how clients are let in: TLS, SASL, translated addresses. Values only, so that they can
// be handed from thread to thread. They hold keys and passwords: nothing of them belongs in an event, a log, a
// report or an error.

/** A certificate (with its chain) and its key, both as PEM. */
export interface KeyPair {
  certificate: string
  key: string
}

/** TLS towards brokers. */
export interface BrokerTls {
  /** Whom to trust, as PEM; absent: what Node trusts. */
  ca?: string
  /** Who we are, where brokers ask for it. */
  identity?: KeyPair
  /** The name that certificates must bear; absent: the host that is dialled. */
  serverName?: string
  /** False: a certificate may be for any name. Its issuer is checked all the same. */
  checksName: boolean
}

export const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const
export type SaslMechanism = (typeof saslMechanisms)[number]

export type SaslCredentials =
  | { mechanism: Exclude<SaslMechanism, 'oauthbearer'>; username: string; password: string }
  /** A file is read at every authentication, because tokens are renewed in place. */
  | { mechanism: 'oauthbearer'; token: { text: string } | { file: string } }

/** What a connection of our own to a broker needs. */
export interface BrokerAccess {
  tls?: BrokerTls
  sasl?: SaslCredentials
  /** `host:port` as the cluster tells it -> `host:port` to dial. */
  map?: Readonly<Record<string, string>>
}

export const wrongCertificates = ['expired', 'untrusted', 'wrong-host'] as const
/** Certificates that no client should accept. */
export type WrongCertificate = (typeof wrongCertificates)[number]

/** TLS towards clients. */
export interface DoorTls {
  identity: KeyPair
  /** Presented while a fault says so. */
  wrong: Readonly<Record<WrongCertificate, KeyPair>>
  /** Whoever signed the certificates that clients must show; absent: none is asked for. */
  clientCa?: string
  /** Who a client is towards brokers, by the subject of the certificate that it shows (`CN=app,O=shop`). */
  clients?: Readonly<Record<string, KeyPair>>
}

/** Where to dial for an address that the cluster tells. */
export function dialled(
  address: { host: string; port: number },
  access: BrokerAccess | undefined,
): { host: string; port: number } {
  const translated = access?.map?.[`${address.host}:${address.port}`]
  if (translated === undefined) return address
  const at = translated.lastIndexOf(':')
  return { host: translated.slice(0, at), port: Number(translated.slice(at + 1)) }
}
