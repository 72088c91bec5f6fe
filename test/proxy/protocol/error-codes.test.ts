import { expect, it } from 'vitest'
import {
  errorCodeNamed,
  errorNameOf,
  errorNames,
  isErrorName,
  isRetriable,
} from '../../../proxy/protocol/error-codes.ts'

it('knows codes by name and names by code, both ways', () => {
  expect(errorCodeNamed('PRODUCER_FENCED')).toBe(90)
  expect(errorNameOf(90)).toBe('PRODUCER_FENCED')
  expect(errorNameOf(0)).toBe('NONE')
  expect(errorNameOf(-1)).toBe('UNKNOWN_SERVER_ERROR')
  for (const name of errorNames) expect(errorNameOf(errorCodeNamed(name))).toBe(name)
})

it('tells which errors a client may retry', () => {
  expect(isRetriable(errorCodeNamed('NOT_COORDINATOR'))).toBe(true)
  expect(isRetriable(errorCodeNamed('PRODUCER_FENCED'))).toBe(false)
  expect(isRetriable(0)).toBe(false)
})

it('gives a code of a newer broker its number, and no code to a name that Kafka does not have', () => {
  expect(errorNameOf(31_000)).toBe('ERROR_31000')
  expect(isRetriable(31_000)).toBe(false)
  expect(isErrorName('NOT_A_COORDINATOR')).toBe(false)
  expect(() => errorCodeNamed('NOT_A_COORDINATOR')).toThrow('no error named')
})
