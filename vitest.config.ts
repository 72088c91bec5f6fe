import { defineConfig } from 'vitest/config'

/** Tests with real brokers: one file after the other, since a starved broker fails for reasons of its own. */
const withBrokers = ['test/kafka/**/*.test.ts', 'test/equivalence/**/*.test.ts']

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
          exclude: [...withBrokers, 'test/long/**', 'test/docker/**', 'test/browser/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'brokers',
          include: withBrokers,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
