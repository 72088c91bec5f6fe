// Plays the loads over every way, round after round, so that what else the machine does hits all alike.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { entryFile } from '../gauntlet/entry.ts'
import type { LoadResult } from './commands.ts'
import {
  briskLoad,
  type Figures,
  type Load,
  loads,
  median,
  type Round,
  type Way,
} from './figures.ts'
import type { Generator } from './generator-client.ts'
import type { GoPrograms } from './go-programs.ts'
import { cpuSeconds, type MeasuredProcess, startListening } from './measured-process.ts'
import { produceAnswer, produceRequest } from './produce-frame.ts'
import { startToxiproxy } from './toxiproxy.ts'

export interface Pace {
  rounds: number
  /** A round visits every way so many times, for a moment each, and takes what the moments make together. */
  moments: number
  /** Each moment begins with so long without being measured. */
  warmMs: number
  measureMs: number
  /** Before all that, every way is under load until its program has run for so long: it compiles what is hot. */
  settleCpuMs: number
}

/** A busy machine gives little CPU time; after so long it must do. */
const settleLimitMs = 20_000
const settleStepMs = 500

const bytesPerGb = 1e9
const usPerSecond = 1e6

/** The files that the generator sends and the peer answers from. */
export interface Messages {
  answerFile: string
  answerBytes: number
  requestFile(load: Load, transactional: boolean): string
  remove(): Promise<void>
}

export async function writeMessages(): Promise<Messages> {
  const folder = await mkdtemp(join(tmpdir(), 'eos-gauntlet-bench-'))
  const answer = produceAnswer()
  const answerFile = join(folder, 'answer')
  await writeFile(answerFile, answer)
  const requestFile = (load: Load, transactional: boolean): string =>
    join(folder, `request-${load.frameBytes}${transactional ? '-transactional' : ''}`)
  for (const load of loads) {
    for (const transactional of [false, true]) {
      const frame = produceRequest(load.frameBytes, transactional)
      await writeFile(requestFile(load, transactional), frame)
    }
  }
  return {
    answerFile,
    answerBytes: answer.length,
    requestFile,
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** The peer built by Go where there is one, else its twin in Node. */
export const startPeer = (
  messages: Messages,
  programs: GoPrograms | undefined,
): Promise<MeasuredProcess> =>
  programs === undefined
    ? startListening('peer', process.execPath, [entryFile('bench/peer.js'), messages.answerFile])
    : startListening('peer', programs.peer, [messages.answerFile])

export const startOurProxy = (
  upstreamPort: number,
  rules: 'idle' | 'armed' | 'armed-produce',
): Promise<MeasuredProcess> =>
  startListening('proxy', process.execPath, [
    entryFile('bench/proxy-process.js'),
    String(upstreamPort),
    rules,
  ])

interface OpenWay {
  way: Way
  port: number
  proxy: MeasuredProcess | undefined
}

type Who = 'proxy' | 'peer' | 'generator'

interface Moment extends LoadResult {
  cpuSeconds: Record<Who, number>
}

async function measureMoment(
  parts: { generator: Generator; peer: MeasuredProcess; messages: Messages },
  open: OpenWay,
  load: Load,
  pace: Pace,
): Promise<Moment> {
  const { generator, peer, messages } = parts
  const pids = { proxy: open.proxy?.pid, peer: peer.pid, generator: generator.pid }
  const spent = { proxy: 0, peer: 0, generator: 0 }
  const result = await generator.load(
    {
      port: open.port,
      // Without a rule only transactions are followed: the idle proxy shows what it costs to do nothing.
      requestFile: messages.requestFile(load, open.way !== 'idle'),
      answerBytes: messages.answerBytes,
      depth: load.depth,
      warmMs: pace.warmMs,
      measureMs: pace.measureMs,
    },
    (at) => {
      const sign = at === 'begin' ? -1 : 1
      for (const who of ['proxy', 'peer', 'generator'] as const) {
        const pid = pids[who]
        if (pid !== undefined) spent[who] += sign * cpuSeconds(pid)
      }
    },
  )
  return { ...result, cpuSeconds: spent }
}

function together(moments: readonly Moment[], open: OpenWay, load: Load): Figures {
  const sum = (pick: (moment: Moment) => number): number =>
    moments.reduce((total, moment) => total + pick(moment), 0)
  const requests = sum((moment) => moment.requests)
  const spent = (who: Who): number => sum((moment) => moment.cpuSeconds[who])
  const usPerRequest = (who: Who): number => (spent(who) * usPerSecond) / requests
  return {
    requestsPerSecond: requests / sum((moment) => moment.seconds),
    p50Us: median(moments.map((moment) => moment.p50Us)),
    p99Us: median(moments.map((moment) => moment.p99Us)),
    ...(open.proxy === undefined
      ? {}
      : {
          cpuUsPerRequest: usPerRequest('proxy'),
          cpuSecondsPerGb: (spent('proxy') * bytesPerGb) / (requests * load.frameBytes),
        }),
    peerCpuUsPerRequest: usPerRequest('peer'),
    generatorCpuUsPerRequest: usPerRequest('generator'),
  }
}

export async function playRounds(
  parts: {
    generator: Generator
    messages: Messages
    programs: GoPrograms | undefined
    say: (line: string) => void
  },
  pace: Pace,
): Promise<Round[]> {
  const { generator, messages, programs, say } = parts
  const running: MeasuredProcess[] = []
  const started = async (process: Promise<MeasuredProcess>): Promise<MeasuredProcess> => {
    const it = await process
    running.push(it)
    return it
  }
  try {
    const peer = await started(startPeer(messages, programs))
    const ways: OpenWay[] = [{ way: 'bare', port: peer.port, proxy: undefined }]
    const through = async (way: Way, process: Promise<MeasuredProcess>): Promise<void> => {
      const proxy = await started(process)
      ways.push({ way, port: proxy.port, proxy })
    }
    if (programs !== undefined) {
      await through('toxiproxy', startToxiproxy(programs.toxiproxy, peer.port))
    }
    for (const rules of ['idle', 'armed', 'armed-produce'] as const) {
      await through(rules, startOurProxy(peer.port, rules))
    }
    say('warming up')
    for (const way of ways) {
      const settling: Pace = { ...pace, measureMs: settleStepMs }
      const begunAtMs = performance.now()
      const settled = (): boolean =>
        performance.now() - begunAtMs > settleLimitMs ||
        cpuSeconds(way.proxy?.pid ?? peer.pid) * 1_000 > pace.settleCpuMs
      do await measureMoment({ generator, peer, messages }, way, briskLoad, settling)
      while (!settled())
    }
    const rounds: Round[] = []
    for (let number = 1; number <= pace.rounds; number++) {
      say(`round ${number} of ${pace.rounds}`)
      const round: Round = new Map()
      for (const load of loads) {
        const moments = new Map<OpenWay, Moment[]>(ways.map((way) => [way, []]))
        for (let moment = 0; moment < pace.moments; moment++) {
          for (const [way, measured] of moments) {
            measured.push(await measureMoment({ generator, peer, messages }, way, load, pace))
          }
        }
        const figures = new Map<Way, Figures>()
        for (const [way, measured] of moments) {
          figures.set(way.way, together(measured, way, load))
        }
        round.set(load.name, figures)
      }
      rounds.push(round)
    }
    return rounds
  } finally {
    await Promise.all(running.map((process) => process.stop()))
  }
}
