// What a program that a test has started says.
import type { ChildProcess } from 'node:child_process'

/** The text of a child's output that fits, as soon as it is there. */
export function outputOf(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = pattern.exec(text)
      if (found !== null) resolve(found)
    })
    child.on('exit', (code) => reject(new Error(`ended with ${code}: ${text}`)))
  })
}
