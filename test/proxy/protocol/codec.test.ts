import { describe, expect, it } from 'vitest'
import {
  allApis,
  decodeRequest,
  decodeResponse,
  defaultRequest,
  defaultResponse,
  encodeRequest,
  encodeResponse,
} from '../../../proxy/protocol/codec.ts'

describe('codec', () => {
  it('reads back what it wrote for the defaults of every API and version', () => {
    let messages = 0
    for (const api of allApis()) {
      for (let version = api.minVersion; version <= api.maxVersion; version++) {
        const request = defaultRequest(api.key, version)
        expect(decodeRequest(api.key, version, encodeRequest(api.key, version, request))).toEqual(
          request,
        )
        const response = defaultResponse(api.key, version)
        expect(
          decodeResponse(api.key, version, encodeResponse(api.key, version, response)),
        ).toEqual(response)
        messages += 2
      }
    }
    expect(messages).toBeGreaterThan(500)
  })
})
