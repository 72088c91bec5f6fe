// Prints every breach of the import rules; part of `npm run check`.
import { importProblems, sourceFiles } from './import-rules.ts'

const files = sourceFiles()
const problems = importProblems(files)
for (const problem of problems) console.error(problem)
console.log(`${files.length} files, ${problems.length} breaches of the import rules`)
if (problems.length > 0) process.exitCode = 1
