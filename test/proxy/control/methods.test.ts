import { expect, it } from 'vitest'
import { createMethods } from '../../../proxy/control/methods.ts'

const methods = createMethods()
methods.note({ url: '/v1/faults', method: 'GET' })
methods.note({ url: '/v1/faults', method: ['POST', 'HEAD'] })
methods.note({ url: '/v1/faults/:name/fire', method: 'POST' })
methods.note({ url: '/v1/faults/:name', method: 'DELETE' })
methods.note({ url: '/v1/faults/check', method: 'POST' })
methods.note({ url: '/docs/*', method: 'GET' })

it('a path knows the methods of all routes that fit it', () => {
  expect(methods.at('/v1/faults')).toEqual(['GET', 'HEAD', 'POST'])
  expect(methods.at('/v1/faults/a.b/fire')).toEqual(['POST'])
  expect(methods.at('/docs/static/a.js')).toEqual(['GET'])
})

it('a path that is written out is not taken for a name', () => {
  expect(methods.at('/v1/faults/check')).toEqual(['POST'])
  expect(methods.at('/v1/faults/other')).toEqual(['DELETE'])
})

it('a path that no route fits knows none', () => {
  for (const path of [
    '/',
    '/v1/faultsx',
    '/v1/faults/a/b/fire',
    '/v1/faults//fire',
    '/v1xfaults',
  ]) {
    expect(methods.at(path)).toEqual([])
  }
})
