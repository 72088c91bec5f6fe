import { defineConfig } from 'vitest/config'

// Whole scenario library, random plans and soak: run by hand, its last dated result is committed under docs/.
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 3_600_000,
    hookTimeout: 300_000,
    retry: 0,
  },
})
