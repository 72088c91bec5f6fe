// Flags that say how the brokers of somebody else's cluster are reached, for commands without a plan: the words of a
// plan's `cluster.external`, as flags. Passwords and tokens come from files or the environment, never from a flag.
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import { saslMechanisms, type WrittenSasl } from '../../proxy/plans/plan-schema.ts'
import { readAccess } from '../clusters/credentials.ts'
import { addressesOf, type RawOptions, text, texts, usageError } from './flags.ts'

/** Flag, its value if it takes one, and what it is for. */
export const accessFlags: ReadonlyArray<readonly [flag: string, help: string]> = [
  ['--tls', 'The brokers speak TLS, and Node trusts who signed their certificates'],
  ['--ca-file <file>', 'The same, trusting who is in this PEM file'],
  ['--certificate-file <file>', 'Our certificate, where brokers ask for one; with --key-file'],
  ['--key-file <file>', 'Its key'],
  ['--server-name <name>', 'The name in the brokers’ certificates; default: the host dialled'],
  ['--any-name', 'Any name in their certificates will do; the issuer is checked all the same'],
  ['--sasl <mechanism>', `${saslMechanisms.join(', ')}`],
  ['--username <name>', 'Who we are; or --username-env'],
  ['--username-env <variable>', 'The environment variable that holds it'],
  ['--password-env <variable>', 'The environment variable that holds the password'],
  ['--password-file <file>', 'Or the file that holds it'],
  ['--token-env <variable>', 'For oauthbearer: the environment variable that holds the token'],
  ['--token-file <file>', 'Or the file that holds it'],
  ['--map <from=to>', 'An address as the cluster tells it, and the one to dial; may be repeated'],
]

/** Undefined where none of them is given: plainly. */
export function accessOf(options: RawOptions): BrokerAccess | undefined {
  const given = (flag: string): string | undefined => {
    const value = options[camelCase(flag)]
    return value === undefined ? undefined : text(`--${flag}`, value)
  }
  const tls = tlsOf(options, given)
  const sasl = saslOf(given)
  const map = Object.fromEntries(
    texts(options.map).map((pair) => {
      const [from = '', to = ''] = pair.split('=')
      addressesOf('--map', [from, to])
      return [from, to]
    }),
  )
  return readAccess({
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
    ...(Object.keys(map).length === 0 ? {} : { map }),
  })
}

type Given = (flag: string) => string | undefined

function tlsOf(options: RawOptions, given: Given) {
  const [ca, certificate, key, name] = [
    given('ca-file'),
    given('certificate-file'),
    given('key-file'),
    given('server-name'),
  ]
  const isAnyName = options.anyName === true
  if (options.tls !== true && !isAnyName && [ca, certificate, key, name].every(isAbsent)) {
    return undefined
  }
  if ((certificate === undefined) !== (key === undefined)) {
    throw usageError(
      'a certificate and its key go together',
      'Give --certificate-file and --key-file.',
    )
  }
  return {
    ...(ca === undefined ? {} : { 'ca-file': ca }),
    ...(certificate === undefined ? {} : { 'certificate-file': certificate }),
    ...(key === undefined ? {} : { 'key-file': key }),
    ...(name === undefined ? {} : { 'server-name': name }),
    ...(isAnyName ? { 'check-name': false } : {}),
  }
}

const isAbsent = (value: string | undefined): boolean => value === undefined

const credentialFlags = [
  'username',
  'username-env',
  'password-env',
  'password-file',
  'token-env',
  'token-file',
] as const

function saslOf(given: Given): WrittenSasl | undefined {
  const written = given('sasl')
  const present = credentialFlags.filter((flag) => given(flag) !== undefined)
  if (written === undefined) {
    const [first] = present
    if (first === undefined) return undefined
    throw usageError(`--${first} without --sasl`, `Give --sasl ${saslMechanisms.join(' | ')}.`)
  }
  const mechanism = saslMechanisms.find((one) => one === written.toLowerCase())
  if (mechanism === undefined) {
    throw usageError(
      `--sasl ${written} is no mechanism that we speak`,
      `There are ${saslMechanisms.join(', ')}.`,
    )
  }
  const wanted =
    mechanism === 'oauthbearer'
      ? [['token-env', 'token-file']]
      : [
          ['username', 'username-env'],
          ['password-env', 'password-file'],
        ]
  for (const choice of wanted) {
    const count = choice.filter((flag) => given(flag) !== undefined).length
    if (count === 1) continue
    throw usageError(
      `--sasl ${mechanism} takes exactly one of ${choice.map((flag) => `--${flag}`).join(' and ')}`,
      `Give ${choice.map((flag) => `--${flag}`).join(' or ')}.`,
    )
  }
  const stray = present.find((flag) => !wanted.flat().includes(flag))
  if (stray !== undefined) {
    throw usageError(`--${stray} does not go with --sasl ${mechanism}`, 'Leave it out.')
  }
  return {
    mechanism,
    ...Object.fromEntries(present.map((flag) => [flag, given(flag)])),
  }
}

const camelCase = (flag: string): string =>
  flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
