import { defineConfig } from 'vitest/config'

// Files run one after the other: tests with real brokers share two cores, and a starved broker fails for reasons of its own.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/long/**', 'test/docker/**', 'test/browser/**'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    retry: 0,
  },
})
