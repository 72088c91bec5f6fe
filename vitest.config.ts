import { existsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

/** Tests with real brokers: one file after the other, since a starved broker fails for reasons of its own. */
const withBrokers = [
  'test/kafka/**/*.test.ts',
  'test/equivalence/**/*.test.ts',
  'test/browser/**/*.test.ts',
]

// Tests of the page need a browser, which npm does not bring.
const chromiumPath = process.env.GAUNTLET_CHROMIUM ?? '/usr/bin/chromium'
const withoutBrowser = existsSync(chromiumPath) ? [] : ['test/browser/**']
if (withoutBrowser.length > 0) console.warn(`No ${chromiumPath}: test/browser is left out.`)

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    retry: 0,
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['test/**/*.test.ts'],
          exclude: [...withBrokers, 'test/long/**', 'test/docker/**', 'test/smoke/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'brokers',
          include: withBrokers,
          exclude: withoutBrowser,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
