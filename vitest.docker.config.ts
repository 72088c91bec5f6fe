import { defineConfig } from 'vitest/config'

// On a real Docker engine. The first test builds our image.
export default defineConfig({
  test: {
    include: ['test/docker/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 900_000,
    retry: 0,
  },
})
