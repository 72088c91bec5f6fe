import { describe, expect, it } from 'vitest'
import { judge } from '../../bench/bars.ts'
import { type Figures, median, medianFigures, type Round, ratiosTo } from '../../bench/figures.ts'

function figures(requestsPerSecond: number, cpuUsPerRequest?: number): Figures {
  return {
    requestsPerSecond,
    p50Us: 1_000 / requestsPerSecond,
    p99Us: 1,
    ...(cpuUsPerRequest === undefined ? {} : { cpuUsPerRequest, cpuSecondsPerGb: cpuUsPerRequest }),
    peerCpuUsPerRequest: 1,
    generatorCpuUsPerRequest: 1,
  }
}

function round(idle: Figures, toxiproxy: Figures): Round {
  return new Map([
    [
      'small',
      new Map([
        ['idle', idle],
        ['toxiproxy', toxiproxy],
      ]),
    ],
  ])
}

describe('figures of several rounds', () => {
  it('take the middle one, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 2, 100])).toBe(3)
  })

  it('have no CPU of a proxy where there is none', () => {
    expect(medianFigures([figures(1), figures(3)])).not.toHaveProperty('cpuUsPerRequest')
    expect(medianFigures([figures(1, 7), figures(3, 9)]).cpuUsPerRequest).toBe(8)
  })

  it('are compared within each round, so that a slow round for both changes no ratio', () => {
    const rounds = [
      round(figures(100, 1), figures(50, 2)),
      round(figures(10, 10), figures(5, 20)),
      round(figures(200, 1), figures(100, 2)),
    ]
    expect(ratiosTo(rounds, 'small', { way: 'idle', base: 'toxiproxy' })).toEqual({
      throughput: 2,
      cpu: 0.5,
      p50: 0.5,
    })
  })

  it('give no ratio without Toxiproxy', () => {
    const alone: Round = new Map([['small', new Map([['idle', figures(1, 1)]])]])
    expect(ratiosTo([alone], 'small', { way: 'idle', base: 'toxiproxy' })).toBeUndefined()
  })
})

describe('a bar', () => {
  it('is met within five per cent', () => {
    expect(judge({ throughput: 0.96, cpu: 1.04, p50: 1.04 }, 1)).toEqual({ met: true, missed: [] })
  })

  it('names each figure that misses it', () => {
    const { met, missed } = judge({ throughput: 0.94, cpu: 1.06, p50: 1.06 }, 1)
    expect(met).toBe(false)
    expect(missed).toEqual([
      'throughput 0.94×, at least 1.00×',
      'CPU 1.06×, at most 1.00×',
      'p50 1.06×, at most 1.00×',
    ])
  })

  it('allows the armed proxy its factor on each figure', () => {
    expect(judge({ throughput: 0.75, cpu: 1.36, p50: 1.36 }, 1.3).met).toBe(true)
    expect(judge({ throughput: 0.7, cpu: 1.4, p50: 1.4 }, 1.3).missed).toHaveLength(3)
  })
})
