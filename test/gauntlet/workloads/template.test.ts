// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of plans look like those of JavaScript
import { describe, expect, it } from 'vitest'
import { fillTemplate } from '../../../gauntlet/workloads/template.ts'

describe('fillTemplate', () => {
  const values = { bootstrap: '127.0.0.1:9092', 'transactional-id': 'app-0' }

  it('replaces every name, as often as it occurs', () => {
    expect(fillTemplate('${bootstrap},${bootstrap}/${transactional-id}', values)).toBe(
      '127.0.0.1:9092,127.0.0.1:9092/app-0',
    )
  })

  it('leaves $NAME, a lone dollar and an escaped placeholder alone', () => {
    expect(fillTemplate('$HOME costs 5$ $${bootstrap}', values)).toBe('$HOME costs 5$ ${bootstrap}')
  })

  it('refuses a name that it does not know, and says which there are', () => {
    expect(() => fillTemplate('${bootstrp}', values)).toThrow(
      expect.objectContaining({
        code: 'wrong-plan',
        message: 'Nothing is called ${bootstrp} here.',
        remedy: expect.stringContaining('${bootstrap}, ${transactional-id}'),
      }),
    )
    expect(() => fillTemplate('${toString}', values)).toThrow('${toString}')
  })

  it('does not fill in what a value brings along', () => {
    expect(fillTemplate('${a}', { a: '${b}', b: 'x' })).toBe('${b}')
  })
})
